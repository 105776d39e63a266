"""Private words that stay out of the project's text, each with the term that a reader would search for."""

import re
from collections.abc import Iterator

INSTEAD = {
    r"draws?|drawn|drew|drawing": "sample, sampled",
    r"faults?": "issue, failure or error",
    r"fates?": "action",
    r"mend(s|ed|ing)?": "fix",
    r"(take|takes|taken|took|taking) up": "use, load",
    r"from nothing": "randomly initialised, generated, from scratch",
    r"(hold|holds|held|holding) against": "compare with",
    r"at hand": "available",
    r"pages?": "report",
    r"(go|goes|going|went) on (where|inside|from)": "resume",
    r"rooms?": "disk space, memory",
    r"is no recipe": "is not a valid recipe",
    r"(is|are|was|were) (not|no longer) there": "not found",
    r"of (another|other|whose) making": "from other settings, code or inputs",
    r"stands? (there )?twice": "is listed twice",
    r"stands? alone": "standalone, single",
    r"(break|breaks|broke|broken) off": "abort",
    r"make-believe": "fake",
    r"judg(e|es|ed|ing)": "verify",
    r"credit(s|ed|ing)?": "count as correct",
    r"earn(s|ed|ing)?": "get",
    r"tells?|told": "report, print, show",
    r"says|said": "report, print, state",
    r"idle packs?": "padding pack",
    r"forewords?": "preflight notices",
    r"sign off": "release the lock",
    r"orphans?": "leftover processes",
}
"""Pattern of the word (a blank is any white space, an underscore or a comment's start), and what to write instead."""


def pattern(word: str) -> re.Pattern:
    """A word in prose or as a part of an identifier; a phrase also across lines."""
    between = r"""[\s#_"]+"""
    return re.compile(rf"(?<![A-Za-z])(?:{word.replace(' ', between)})(?![A-Za-z])", re.IGNORECASE)


PATTERNS = {word: pattern(word) for word in INSTEAD}


def private_words(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, the word as it is written there, and what to write instead."""
    for word, compiled in PATTERNS.items():
        for match in compiled.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match[0], INSTEAD[word]
