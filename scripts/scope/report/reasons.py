"""How often each verdict was given: to the samples of the last policies, and to the rollouts of the last round."""

from typing import Any

import polars as pl

from scope.report.load import Artifact, ArtifactRows
from scope.report.sources import users

ROLLOUTS = "rollouts of the last round"
EXPLAINED = {
    "wrong": "An answer was found and it is not the right one.",
    "no_box": "The response has no \\boxed{}. Show an example of the box in data.template, raise max_tokens if "
    "responses are truncated, or fine-tune the student first (models.student.sft).",
    "empty_box": "The last \\boxed{} is empty.",
    "too_long": "The boxed answer is longer than an answer may be.",
    "unparsable": "The boxed answer cannot be read as mathematics.",
    "too_large": "The boxed answer has numbers too large to compare.",
    "unevaluated": "The boxed answer is a calculation that was left undone.",
    "malformed": "The response is not a list of steps.",
    "after_zero": "The steps continue after 0.",
    "digit_not_given": "A step spends a digit that was not given, or one twice.",
    "wrong_difference": "A step states a wrong difference.",
    "not_zero": "The steps do not end at 0.",
    "no_code": "The response has no code block.",
    "raised": "The program raised an error.",
    "too_much_output": "The program wrote more output than is allowed.",
    "timeout": "The verifier gave up on this response after its time limit.",
    "crashed": "The verifier crashed on this response.",
}
"""What a reason means, and what to change where much has it."""


def verdict_reasons(
    evaluations: pl.DataFrame, verdicts: list[ArtifactRows], batches: list[Artifact], policies: list[str]
) -> dict[str, Any]:
    """`reasons`, the most common first; `rows` with the place, the policy and the share of each reason there; and
    `explained`, (reason, how many of all, what it means) of each reason but `correct`."""
    last = pl.col("round").eq_missing(pl.col("round").max().over("policy"))
    place = pl.format("{} at {}", "benchmark", "sampling").alias("place")
    counted = pl.concat([evaluations.filter(last).select(place, "policy", "reason"), _rollouts(verdicts, batches)])
    counted = counted.filter(pl.col("policy").is_in(policies))
    shares = counted.group_by("place", "policy").agg(pl.col("reason").value_counts(normalize=True))
    ranked = counted["reason"].value_counts().sort("count", "reason", descending=[True, False])
    rows = [
        {"place": place, "policy": policy, "shares": {entry["reason"]: entry["proportion"] for entry in counts}}
        for place, policy, counts in shares.sort(pl.col("place") == ROLLOUTS, "place", "policy").rows()
    ]
    explained = [
        (reason, f"{count} of {counted.height}", EXPLAINED.get(reason, ""))
        for reason, count in ranked.rows()
        if reason != "correct"
    ]
    return {"reasons": ranked["reason"].to_list(), "rows": rows, "explained": explained}


def _rollouts(verdicts: list[ArtifactRows], batches: list[Artifact]) -> pl.DataFrame:
    """Verdicts of the arms' last batches; shared ones count for every arm that uses them."""
    arms = users(batches)
    frames = [pl.DataFrame(schema=dict.fromkeys(("place", "policy", "reason"), pl.String))]
    for one in verdicts:
        names = arms.get(str(one.path), [one.labels("arm")["arm"]])
        frames += [one.rows.select(place=pl.lit(ROLLOUTS), policy=pl.lit(name), reason="reason") for name in names]
    return pl.concat(frames)
