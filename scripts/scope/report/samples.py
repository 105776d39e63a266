"""Five rollouts: the prompt, the response, its verdict, and the log-probabilities of every token."""

from typing import Any, NamedTuple

import polars as pl

from scope.errors import InputError
from scope.report.load import Artifact, ArtifactRows, SampledBatch
from scope.report.style import number, token_colour
from scope.report.token_text import Speller

KEYS = ["prompt_id", "sample_index"]
SHOWN_COLUMNS = {
    "rollouts": ["response_text"],
    "verdicts": ["extracted", "reason"],
    "prompts": ["problem", "answer"],
}
SHOWN_TOKENS = 600


class Token(NamedTuple):
    """One cell of the token strip."""

    text: str
    colour: str
    hint: str


def sampled_rollouts(sampled: SampledBatch | None, spell: Speller, count: int = 5) -> list[dict[str, Any]]:
    """Rows of the batch joined with text, verdict and problem; none without a batch.

    `step` counts over the whole run, as in the metrics; `prompt` is the text of the prompt's tokens as they were sent.
    Raises InputError when the rollouts, verdicts or prompts given are not those of the batch.
    """
    if sampled is None:
        return []
    batch = sampled.batch
    rows = _pick(batch.rows, count)
    for kind, columns in SHOWN_COLUMNS.items():
        rows = _join(rows, batch, sampled.parts[kind], kind, columns)
    run, steps = batch.labels("arm", "seed", "round"), batch.rows["step"].n_unique()
    return [
        {
            **row,
            **run,
            "step": (run["round"] - 1) * steps + row["step"] + 1,
            "prompt": spell(row["prompt_token_ids"]),
            "tokens": tokens(row, spell),
        }
        for row in rows.iter_rows(named=True)
    ]


def _pick(batch: pl.DataFrame, count: int) -> pl.DataFrame:
    """Alternate correct and incorrect rollouts, from different prompts as far as possible."""
    turn = pl.int_range(pl.len())
    return (
        batch.sort(KEYS)
        .with_columns(repeat=turn.over("prompt_id", "correct"))
        .sort("repeat", *KEYS)
        .with_columns(turn=turn.over("correct"))
        .sort("turn", "correct", descending=[False, True])
        .head(count)
    )


def _join(
    rows: pl.DataFrame, batch: Artifact, parts: list[ArtifactRows], kind: str, columns: list[str]
) -> pl.DataFrame:
    """Add columns, the last never null, of the files of one kind that the batch was made from."""
    joined = rows
    if parts:
        own = pl.concat([part.rows for part in parts])
        keys = [key for key in [*KEYS, "response_token_ids"] if key in own.columns]
        joined = rows.join(own, on=keys, how="left", maintain_order="left")
    if not parts or joined[columns[-1]].null_count():
        made_from = ", ".join(batch.metadata["inputs"])
        raise InputError(
            f"--{kind}: the rows of {batch.path} are in none of these files; pass its inputs: {made_from}",
            "unmatched-rows",
        )
    return joined.select(*rows.columns, *columns)


def tokens(row: dict[str, Any], spell: Speller) -> list[Token]:
    """Cells for the first tokens of a response: coloured by student minus scorer, else by the student alone.

    Empty when the batch keeps no student log-probabilities.
    """
    if row["logprobs"] is None:
        return []
    texts = spell(row["response_token_ids"])
    scorer = row["scorer_logprobs"] or [None] * len(texts)
    cells = zip(texts, row["response_token_ids"], row["logprobs"], scorer, strict=True)
    return [_token(*cell) for cell in list(cells)[:SHOWN_TOKENS]]


def _token(text: str, token: int, student: float, scorer: float | None) -> Token:
    hint = f"token {token}: student {number(student)}"
    if scorer is None:
        return Token(text, token_colour(student), hint)
    ratio = student - scorer
    return Token(text, token_colour(ratio), f"{hint}, scorer {number(scorer)}, log-ratio {number(ratio)}")
