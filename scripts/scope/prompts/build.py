"""From problems to prompts: token ids, content hash, length."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scope.errors import InputError
from scope.prompts.chat_template import Writer
from scope.prompts.issues import Found, settle


def build_prompts(
    rows: Sequence[dict[str, Any]],
    write: Writer,
    *,
    domain: str,
    max_tokens: int,
    found: Iterable[Found],
    actions: Mapping[str, str],
    where: str,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Prompt rows and issue rows, given what was found in the rows of the file `where`.

    An empty prompt, and any issue whose action is `error`, raises InputError that names file and row. Nothing is cut.
    """
    ids = [write(row["problem"]) for row in rows]
    for row, tokens in zip(rows, ids, strict=True):
        if not tokens:
            raise InputError(
                f"{where}: row {row['row']}: the prompt has no tokens; remove the row or fix data.template",
                "empty-prompt",
            )
    detail = "the prompt has {} tokens, data.max_prompt_tokens allows {}; raise it"
    overlong = [
        Found(row["row"], "overlong", detail.format(len(tokens), max_tokens))
        for row, tokens in zip(rows, ids, strict=True)
        if len(tokens) > max_tokens
    ]
    issues = settle(rows, [*found, *overlong], actions, where)
    gone = {issue["row"] for issue in issues if issue["action"] != "kept"}
    prompts = [_prompt(row, tokens, domain) for row, tokens in zip(rows, ids, strict=True) if row["row"] not in gone]
    if not prompts:
        raise InputError(f"{where}: no prompt is left; raise data.max_prompt_tokens or give other rows", "no-prompts")
    return prompts, issues


def check_ids(prompts: Iterable[Mapping[str, Any]], vocabulary: int, where: str) -> None:
    """Raise InputError at the first prompt with a token id that a model of `vocabulary` entries does not have."""
    for prompt in prompts:
        strange = [token for token in prompt["prompt_token_ids"] if token >= vocabulary]
        if strange:
            raise InputError(
                f"{where}: the problem {prompt['problem'][:60]!r}: its prompt has the token id {strange[0]}, but the "
                f"student's config.json has vocab_size {vocabulary}; use the tokenizer that the model was trained with",
                "unknown-token",
            )


def _prompt(row: dict[str, Any], ids: list[int], domain: str) -> dict[str, Any]:
    texts = {key: value for key, value in row.items() if key != "row"}
    made = {"prompt_id": content_hash(domain, row["problem"]), "domain": domain, "prompt_token_ids": ids}
    return {"tests": None, "tolerance": None, **texts, **made}


def content_hash(domain: str, problem: str) -> str:
    """The prompt_id: 16 hex digits over domain and problem text."""
    return hashlib.sha256(f"{domain}\0{problem}".encode()).hexdigest()[:16]
