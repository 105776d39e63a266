"""Five rollouts as people read them: the problem, the response, its verdict, and every token's signal."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from scope.artifacts import parquet
from scope.errors import InputError
from scope.report.inputs import notes
from scope.report.style import number, token_colour

KEYS = ["prompt_id", "sample_index"]
SHOWN_TOKENS = 600
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}


class Token(NamedTuple):
    """One cell of the token strip."""

    text: str
    colour: str
    hint: str


def sampled_rollouts(
    arm: str, batches: list[Path], rollouts: list[Path], verdicts: list[Path], prompts: Path, count: int = 5
) -> list[dict[str, Any]]:
    """Rows of the arm's last batch joined with text, verdict and problem; none without it, or once its rollouts went.

    Raises InputError when the rollouts, verdicts or prompts given are not those of the batch.
    """
    found = _last_batch(arm, batches)
    if found is None or _draws_deleted(found[0]):
        return []
    path, run = found
    rows = _pick(parquet.read(path, "batch"), count)
    rows = _join(rows, path, rollouts, "rollouts", ["response_text"])
    rows = _join(rows, path, verdicts, "verdicts", ["extracted", "reason"])
    rows = _join(rows, path, [prompts], "prompts", ["problem", "answer"])
    return [{**row, **run, "tokens": tokens(row)} for row in rows.iter_rows(named=True)]


def _last_batch(arm: str, batches: list[Path]) -> tuple[Path, dict[str, Any]] | None:
    labelled = [(path, notes(path, "variant", "seed", "round")) for path in batches]
    own = [(path, run) for path, run in labelled if run["variant"] == arm]
    return min(own, key=lambda item: (-item[1]["round"], item[1]["seed"]), default=None)


def _draws_deleted(batch: Path) -> bool:
    """Whether the rollouts that a batch was made from are no longer there."""
    sampled = [Path(path) for path in parquet.metadata(batch)["inputs"] if Path(path).parent.name == "rollout"]
    return bool(sampled) and not any(path.exists() for path in sampled)


def _pick(batch: pl.DataFrame, count: int) -> pl.DataFrame:
    """Correct and incorrect ones by turns while both last, each from another prompt while there are any."""
    turn = pl.int_range(pl.len())
    return (
        batch.sort(KEYS)
        .with_columns(repeat=turn.over("prompt_id", "correct"))
        .sort("repeat", *KEYS)
        .with_columns(turn=turn.over("correct"))
        .sort("turn", "correct", descending=[False, True])
        .head(count)
    )


def _join(rows: pl.DataFrame, batch: Path, paths: list[Path], kind: str, columns: list[str]) -> pl.DataFrame:
    """Add columns, the last never null, of those files that the batch was made from; arms may share them."""
    made_from = parquet.metadata(batch)["inputs"]
    own = [parquet.read(path, kind) for path in paths if str(path) in made_from]
    keys = [key for key in [*KEYS, "response_token_ids"] if key in parquet.SCHEMAS[kind].names]
    joined = rows.join(pl.concat(own), on=keys, how="left", maintain_order="left") if own else rows
    if not own or joined[columns[-1]].null_count():
        raise InputError(f"--{kind}: the rows of {batch} are in none of these files; pass those that it was made from: "
                         f"{', '.join(made_from)}")  # fmt: skip
    return joined.select(*rows.columns, *columns)


def tokens(row: dict[str, Any]) -> list[Token]:
    """Cells for the first tokens of a response: coloured by student minus scorer, else by the student alone.

    Empty when the batch keeps no student log-probabilities.
    """
    if row["logprobs"] is None:
        return []
    texts = token_texts(row["response_text"], row["response_token_ids"])
    scorer = row["scorer_logprobs"] or [None] * len(texts)
    cells = zip(texts, row["response_token_ids"], row["logprobs"], scorer, strict=True)
    return [_token(*cell) for cell in list(cells)[:SHOWN_TOKENS]]


def token_texts(text: str, ids: list[int]) -> list[str]:
    """Characters where a token is one (an EOS has none), token ids otherwise."""
    characters = [VISIBLE.get(character, character) for character in text]
    if len(ids) == len(text):
        return characters
    return [*characters, "EOS"] if len(ids) == len(text) + 1 else [str(token) for token in ids]


def _token(text: str, token: int, student: float, scorer: float | None) -> Token:
    hint = f"token {token}: student {number(student)}"
    if scorer is None:
        return Token(text, token_colour(student), hint)
    ratio = student - scorer
    return Token(text, token_colour(ratio), f"{hint}, scorer {number(scorer)}, log-ratio {number(ratio)}")
