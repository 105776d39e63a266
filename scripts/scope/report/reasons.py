"""How often each verdict was given: to the samples of the last policies, and to the rollouts of the last round."""

from typing import Any

import polars as pl

from scope.report.load import Artifact, ArtifactRows
from scope.report.recipe import ReportStart, Starts
from scope.report.sources import users

ROLLOUTS = "rollouts"
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
    evaluations: pl.DataFrame,
    verdicts: list[ArtifactRows],
    artifacts: dict[str, list[Artifact]],
    policies: list[str],
    starts: Starts,
) -> dict[str, Any]:
    """`reasons`, the most common first; `rows` with the place, the policy that sampled, the round that it comes from
    (None for evaluations, of the policies' last rounds, for base and for teacher) and the share of each reason there;
    and `explained`, (reason, how many of all, what it means) of each reason but `correct`."""
    last = pl.col("round").eq_missing(pl.col("round").max().over("policy"))
    place = pl.format("{} at {}", "benchmark", "sampling").alias("place")
    evaluated = evaluations.filter(last, pl.col("policy").is_in(policies))
    after = pl.lit(None, pl.Int64).alias("after")
    counted = pl.concat(
        [evaluated.select(place, "policy", after, "reason"), _rollouts(verdicts, artifacts, policies, starts)]
    )
    key = ["place", "policy", "after"]
    shares = counted.group_by(key).agg(pl.col("reason").value_counts(normalize=True))
    ranked = counted["reason"].value_counts().sort("count", "reason", descending=[True, False])
    rows = [
        {
            "place": place,
            "policy": policy,
            "after": after,
            "shares": {entry["reason"]: entry["proportion"] for entry in counts},
        }
        for place, policy, after, counts in shares.sort(pl.col("place").str.starts_with(ROLLOUTS), *key).rows()
    ]
    explained = [
        (reason, f"{count} of {counted.height}", EXPLAINED.get(reason, ""))
        for reason, count in ranked.rows()
        if reason != "correct"
    ]
    return {"reasons": ranked["reason"].to_list(), "rows": rows, "explained": explained}


def _rollouts(
    verdicts: list[ArtifactRows], artifacts: dict[str, list[Artifact]], policies: list[str], starts: Starts
) -> pl.DataFrame:
    """Verdicts of the arms' last batches; shared ones count for every arm that uses them."""
    arms, taught = users(artifacts["batches"]), _taught(artifacts)
    schema = {"place": pl.String, "policy": pl.String, "after": pl.Int64, "reason": pl.String}
    frames = [pl.DataFrame(schema=schema)]
    for one in verdicts:
        labels = one.labels("arm", "round")
        for arm in arms.get(str(one.path), [labels["arm"]]):
            policy, after = _sampler(arm, labels["round"], taught, starts.get(arm))
            place = f"{ROLLOUTS} of round {labels['round']} of {arm}"
            if arm in policies:
                sampled = {"place": pl.lit(place), "policy": pl.lit(policy), "after": pl.lit(after, pl.Int64)}
                frames.append(one.rows.select(**sampled, reason="reason"))
    return pl.concat(frames)


def _taught(artifacts: dict[str, list[Artifact]]) -> set[str]:
    """Arms whose rollouts the teacher samples."""
    arms = users(artifacts["batches"])
    return {
        arm
        for one in artifacts["rollouts"]
        if one.metadata["recipe"].get("settings", {}).get("behaviour") == "teacher"
        for arm in arms.get(str(one.path), [])
    }


def _sampler(arm: str, round_: int, taught: set[str], start: ReportStart | None) -> tuple[str, int | None]:
    """The policy that sampled a round's rollouts, and after which round of its own: the one before the update."""
    if arm in taught:
        return "teacher", None
    if round_ > 1:
        return arm, round_ - 1
    return (start.arm, start.round) if start else ("base", None)
