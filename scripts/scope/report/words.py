"""The answer in words, made of the numbers alone."""

from collections import Counter
from typing import Any

from scope.report.style import percent, points

VERDICTS = {"gain": "a clear gain", "loss": "a clear loss", "none": "no clear difference"}
Rows = list[dict[str, Any]]


def answers(differences: Rows, arms: list[str], *, base: bool) -> list[str]:
    """A sentence per arm on its last policy against the base policy, in the order of the arms."""
    if not base:
        return ["The base policy was not evaluated, so these runs cannot say whether training helped."]
    by_arm = {arm: [row for row in differences if row["policy"] == arm] for arm in arms}
    told = [_arm_sentence(rows) for rows in by_arm.values() if rows]
    return told or ["No trained policy was evaluated, so these runs cannot say whether training helped."]


def _arm_sentence(rows: Rows) -> str:
    """avg@n first, which says whether training helped; then pass@n, which says what it did to variety."""
    first = rows[0]
    seeds = f", mean of {first['seeds']} seeds" if first["seeds"] > 1 else ""
    metrics = dict.fromkeys(row["metric"] for row in rows)
    parts = [_metric_phrase([row for row in rows if row["metric"] == metric]) for metric in metrics]
    return f"{first['policy']} after round {first['round']}{seeds}, against the base policy: {'; '.join(parts)}."


def _metric_phrase(rows: Rows) -> str:
    first = rows[0]
    if len(rows) == 1:
        joint = ", " if first["verdict"] == "none" else " of "
        return (f"{first['metric']} on {first['benchmark']} at {first['sampling']} from {percent(first['base'])} % to "
                f"{percent(first['value'])} %, {VERDICTS[first['verdict']]}{joint}{points(first['difference'])} points "
                f"(95 % interval {points(first['low'])} to {points(first['high'])})")  # fmt: skip
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{text} in {counts[verdict]}" for verdict, text in VERDICTS.items() if counts[verdict])
    spread = sorted(row["difference"] for row in rows)
    return f"{first['metric']} {told} of {len(rows)} comparisons ({points(spread[0])} to {points(spread[-1])} points)"


GLOSSARY = [
    ("rollout", "A response y that a policy samples for a prompt x; the n rollouts of a prompt are its group."),
    ("base, teacher, arm", "The student before training; the larger model that scores its rollouts; one named set of "
     "settings that is trained."),
    ("round", "One pass of rollout, verify, score, weigh and update, which makes the next policy."),
    ("avg@n", "Share of correct samples among the n of a problem, averaged over problems; the same as pass@1."),
    ("pass@k", "Chance that at least one of k samples is correct, unbiased: 1 − C(n−c, k) / C(n, k) with c of n "
     "correct. Its rise with k shows variety."),
    ("best@n (bootstrap, biased)", "The best of n draws with replacement from the n samples, as verl and the released "
     "SCOPE code report it. Expects 1 − (1 − c/n)ⁿ, which lies below pass@n: compare it only with itself."),
    ("95 % interval", "Percentile bootstrap over problems. It says how far the result hangs on the choice of problems, "
     "not of training seeds. A difference is clear when its interval, paired by problem, excludes 0."),
    ("perplexity", "PPL(y|x) = exp(−(1/T) Σₜ log π(yₜ | x, y₍<ₜ₎)), over the T tokens of the response, EOS included."),
    ("ratio, Eq. 1", "ρₜ = π_θ(yₜ) / π_old(yₜ), the policy in training against the one at the start of the round."),
    ("mle, Eq. 2", "−Σₜ ρₜ: reinforces a correct rollout; its gradient at θ = old is that of the likelihood."),
    ("opd, Eq. 3", "Σₜ ρₜ · sg[log π_θ(yₜ) − log π_T(yₜ)]: pulls an incorrect rollout towards the teacher."),
    ("nll, pg", "Plain −Σₜ log π_θ(yₜ); GRPO's clipped surrogate with its group advantage."),
    ("weights, Eqs. 4 and 5", "Softmax over a prompt's correct rollouts of +log PPL_S / τ, over its incorrect ones of "
     "−log PPL_T / τ."),
    ("effective sample size", "(Σw)² / Σw²: how many rollouts a path's weights amount to, averaged over prompts."),
    ("advantage of the incorrect path", "Weighted mean of log π_T − log π_θ on the tokens of incorrect rollouts. Where "
     "it is positive, training raises the chance of tokens of a wrong answer."),
    ("engine against trainer", "|log π_old (engine) − log π_old (trainer)| of the same token: sampling and training "
     "should agree; a large gap has ruined runs."),
    ("truncated", "Responses that met the token limit before they ended."),
]  # fmt: skip
