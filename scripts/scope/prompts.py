"""From problems to prompts: template, token ids, content hash, length, duplicates."""

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

from transformers import PreTrainedTokenizerBase

from scope import puzzle
from scope.errors import InputError


def puzzle_rows(settings, split: str) -> list[dict[str, Any]]:
    """Coins problems: the generator's first ones are held out (`test`), the next are for training (`train`)."""
    first, count = (0, settings.problems) if split == "test" else (settings.problems, settings.prompts)
    stream = puzzle.problems(settings.seed, settings.digits, settings.spend)
    return [
        {"problem": problem, "answer": puzzle.write_route(problem, puzzle.canonical_route(problem)), "source": "coins"}
        for problem in islice(stream, first, first + count)
    ]


def build_prompts(
    rows: Iterable[dict[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    *,
    domain: str,
    template: str,
    max_tokens: int,
    overlong: str,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Prompt rows (artifacts.SCHEMAS) and the counts of what was dropped.

    Equal problems merge; the same problem with two answers, an empty prompt and (with `overlong: error`) a prompt
    over `max_tokens` raise InputError that names the row. Nothing is ever cut.
    """
    made: dict[str, dict[str, Any]] = {}
    counts = {"duplicates": 0, "overlong": 0}
    for index, row in enumerate(rows):
        ids = tokenizer(template.replace("{problem}", row["problem"]), add_special_tokens=False)["input_ids"]
        if not ids:
            raise InputError(f"row {index}: the prompt has no tokens; remove the row or mend data.template")
        if len(ids) > max_tokens:
            if overlong == "error":
                raise InputError(
                    f"row {index}: the prompt has {len(ids)} tokens, data.max_prompt_tokens allows {max_tokens}; "
                    "raise it, or write `overlong: drop`"
                )
            counts["overlong"] += 1
            continue
        prompt_id = content_hash(domain, row["problem"])
        known = made.get(prompt_id)
        if known and known["answer"] != row["answer"]:
            raise InputError(
                f"row {index}: the problem {row['problem'][:60]!r} occurs with the answers {known['answer']!r} and "
                f"{row['answer']!r}; remove one"
            )
        counts["duplicates"] += known is not None
        made[prompt_id] = {
            "tests": None, "tolerance": None, **row,
            "prompt_id": prompt_id, "domain": domain, "prompt_token_ids": ids}  # fmt: skip
    if not made:
        raise InputError("no prompt is left; raise data.max_prompt_tokens or give other rows")
    return list(made.values()), counts


def content_hash(domain: str, problem: str) -> str:
    """The prompt_id: 16 hex digits over domain and problem text."""
    return hashlib.sha256(f"{domain}\0{problem}".encode()).hexdigest()[:16]
