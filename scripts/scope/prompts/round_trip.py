"""Whether a tokenizer keeps the problems' text: what it loses, no model can read."""

import sys
from collections.abc import Sequence
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from scope.errors import InputError


def check_round_trip(tokenizer: PreTrainedTokenizerBase, rows: Sequence[dict[str, Any]], where: str) -> None:
    """Raise InputError at the first problem that loses blanks or new lines when it is encoded and decoded again.

    Other changes, such as lower case, another Unicode form or unknown characters, are counted in one line of the log.
    """
    changed = []
    for row in rows:
        problem = row["problem"]
        ids = cast(list[int], tokenizer(problem, add_special_tokens=False)["input_ids"])
        decoded = cast(str, tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        if _blanks(decoded) < _blanks(problem) or _lines(decoded) < _lines(problem):
            raise InputError(
                f"{where}: row {row['row']}: the student's tokenizer loses blanks or lines: {problem[:60]!r} becomes "
                f"{decoded[:60]!r}; correct the tokenizer's files in models.student.path",
                "lossy-tokenizer",
            )
        if decoded != problem:
            changed.append((row["row"], problem, decoded))
    if changed:
        row, problem, decoded = changed[0]
        print(f"{where}: the student's tokenizer changes {len(changed):,} of {len(rows):,} problems; row {row}: "
              f"{problem[:60]!r} becomes {decoded[:60]!r}", file=sys.stderr)  # fmt: skip


def _blanks(text: str) -> int:
    """Gaps between words."""
    return len(text.split()) - 1


def _lines(text: str) -> int:
    """Ends of lines between text."""
    return text.replace("\r\n", "\n").strip().count("\n")
