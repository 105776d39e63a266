"""How often each verdict was given: to the samples of the last policies, and to the rollouts of the last round."""

from typing import Any

import polars as pl

from scope.report.load import Artifact, ArtifactRows
from scope.report.sources import users

ROLLOUTS = "rollouts of the last round"


def verdict_reasons(
    evaluations: pl.DataFrame, verdicts: list[ArtifactRows], batches: list[Artifact], policies: list[str]
) -> dict[str, Any]:
    """`reasons`, the most common first, and `rows` with the place, the policy and the share of each reason there."""
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
    return {"reasons": ranked["reason"].to_list(), "rows": rows}


def _rollouts(verdicts: list[ArtifactRows], batches: list[Artifact]) -> pl.DataFrame:
    """Verdicts of the arms' last batches; shared ones count for every arm that uses them."""
    arms = users(batches)
    frames = [pl.DataFrame(schema=dict.fromkeys(("place", "policy", "reason"), pl.String))]
    for one in verdicts:
        names = arms.get(str(one.path), [one.labels("arm")["arm"]])
        frames += [one.rows.select(place=pl.lit(ROLLOUTS), policy=pl.lit(name), reason="reason") for name in names]
    return pl.concat(frames)
