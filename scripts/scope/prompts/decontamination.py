r"""Which training problems are problems of a benchmark: equal texts, and common runs of words.

A word is a maximal run of letters, digits and operators after normalisation. Problems of fewer than n words are
compared whole only. Runs of n = 13 words, and that one in more than 10 training documents is a stock phrase and no sign
of a copy, are the choices of Brown et al. 2020 (arXiv 2005.14165), appendix C; here a problem made of such runs for
at least one half is a copy all the same.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

STOCK = 10
"""A run of words in more training problems than this is a stock phrase, such as how a contest describes its input."""

_LAYOUT = re.compile(
    r"\\(?:[,;:!> ()\[\]]|(?:q?quad|left|right|big+[lr]?|displaystyle|limits|text|mathrm|mathbf|mbox)(?![a-z]))|[~$]"
)
_FRACTION = re.compile(r"\\[dt]frac")
_NO_WORD = re.compile(r"[^\w+\-*/^=<>!]|_")
_OPERATOR = re.compile(r"\s*([+\-*/^=<>])\s*")
_DASHES = str.maketrans("−–—", "---")


def words(text: str) -> list[str]:
    """The words of a problem: Unicode NFKC, lower case, no LaTeX spacing, dollar signs, braces or punctuation.

    Blanks around operators go, so that $x + 1$ and $x+1$ are the same single word.
    """
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).lower()
    text = _FRACTION.sub("frac", _LAYOUT.sub(" ", text))
    return _OPERATOR.sub(r"\1", _NO_WORD.sub(" ", text)).split()


def spelling(text: str) -> str:
    """A problem without blanks, LaTeX spacing, dollar signs and final punctuation, which copies of it may differ in."""
    text = _LAYOUT.sub(" ", unicodedata.normalize("NFKC", text).translate(_DASHES))
    return "".join(text.split()).rstrip(".?!:;,")


def contaminated(
    problems: Sequence[str], benchmarks: Mapping[str, Sequence[tuple[int, str]]], n: int
) -> dict[int, str]:
    """Which of the training `problems` (by position) a benchmark holds, and how that shows.

    `benchmarks` gives the row and text of every problem by the benchmark's name.
    """
    held = [(f"{name} row {row}", words(text)) for name, rows in benchmarks.items() for row, text in rows]
    whole = {" ".join(theirs): place for place, theirs in reversed(held)}
    runs = {run: place for place, theirs in reversed(held) for run in _runs(theirs, n)}
    found: dict[int, str] = {}
    shared: dict[int, list[tuple[str, ...]]] = {}
    for position, ours in enumerate(map(words, problems)):
        if ours and " ".join(ours) in whole:
            found[position] = f"equals {whole[' '.join(ours)]}"
        elif not runs.keys().isdisjoint(_runs(ours, n)):
            shared[position] = [run for run in _runs(ours, n) if run in runs]
    spread = Counter(run for common in shared.values() for run in set(common))
    for position, common in shared.items():
        copied = 2 * len(common) > len(words(problems[position])) - n
        run = next((run for run in common if copied or spread[run] <= STOCK), None)
        if run:
            found[position] = f"shares {n} words with {runs[run]}: {' '.join(run)}"
    return dict(sorted(found.items()))


def _runs(given: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Every n words in a row."""
    return zip(*(given[start:] for start in range(n)), strict=False)
