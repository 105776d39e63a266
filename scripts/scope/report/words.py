"""The answer in words, made of the numbers alone."""

from collections import Counter
from typing import Any

from scope.report.style import percent, points

VERDICTS = {"gain": "a clear gain", "loss": "a clear loss", "none": "no clear difference"}


def headline(differences: list[dict[str, Any]], metric: str, *, base: bool) -> str:
    """How the arms' last policies compare with the base policy on `metric`, "avg@" or "pass@"."""
    rows = [row for row in differences if row["metric"].startswith(metric)]
    if not base:
        return "The base policy was not evaluated, so these runs cannot say whether training helped."
    if not rows:
        return "No trained policy was evaluated, so these runs cannot say whether training helped."
    if len(rows) == 1:
        return sentence(rows[0])
    if len({row["verdict"] for row in rows}) == 1:
        return f"All {len(rows)} comparisons of {rows[0]['metric']} with the base policy show {_verdict(rows[0])}."
    counts = Counter(row["verdict"] for row in rows)
    parts = [f"{counts[verdict]} {'show' if counts[verdict] > 1 else 'shows'} {text}"
             for verdict, text in VERDICTS.items() if counts[verdict]]  # fmt: skip
    return f"Of {len(rows)} comparisons of {rows[0]['metric']} with the base policy, {', '.join(parts)}."


def sentence(row: dict[str, Any]) -> str:
    """One comparison with the base policy."""
    seeds = f" (mean of {row['seeds']} seeds)" if row["seeds"] > 1 else ""
    return (
        f"{row['policy']}{seeds} after round {row['round']} against the base policy, {row['metric']} on "
        f"{row['benchmark']} at {row['sampling']}: {percent(row['base'])} % to {percent(row['value'])} %, "
        f"{_verdict(row)} of {points(row['difference'])} points (95 % interval {points(row['low'])} to "
        f"{points(row['high'])})."
    ).replace("no clear difference of", "no clear difference,")


def _verdict(row: dict[str, Any]) -> str:
    return VERDICTS[row["verdict"]]


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
    ("effective sample size", "(Σw)² / Σw²: how many rollouts a path's weights amount to."),
    ("advantage of the incorrect path", "Weighted mean of log π_T − log π_θ on the tokens of incorrect rollouts. Where "
     "it is positive, training raises the chance of tokens of a wrong answer."),
    ("engine against trainer", "|log π_old (engine) − log π_old (trainer)| of the same token: sampling and training "
     "should agree; a large gap has ruined runs."),
    ("truncated", "Responses that met the token limit before they ended."),
]  # fmt: skip
