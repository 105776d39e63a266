"""The figures of an experiment by name. It imports nothing heavy, because the workflow reads it while planning."""

from typing import NamedTuple


class Figure(NamedTuple):
    """A logged column: its title and unit for readers, and which methods log it."""

    title: str
    unit: str
    methods: str = "every method"


GROUPS: dict[str, dict[str, Figure]] = {
    "Rollouts": {
        "share_correct": Figure("Share correct", "share of rollouts"),
        "response_tokens": Figure("Response length", "tokens"),
        "truncated": Figure("Truncated", "share of rollouts"),
        "trained": Figure("In the loss", "share of rollouts"),
        "entropy": Figure("Entropy of the policy", "nats per token"),
    },
    "Losses": {
        "loss": Figure("Loss, all paths", "loss"),
        "loss_mle": Figure("Loss mle, Eq. 2", "loss", "scope in paper mode"),
        "loss_nll": Figure("Loss nll", "loss", "kd, and scope in released mode"),
        "loss_opd": Figure("Loss opd, Eq. 3", "loss", "scope and opd"),
        "loss_pg": Figure("Loss pg (GRPO)", "loss", "grpo"),
    },
    "Perplexities and weights": {
        "ppl_student_correct": Figure("Student perplexity, correct", "perplexity", "scope, opd and grpo"),
        "ppl_student_incorrect": Figure("Student perplexity, incorrect", "perplexity", "scope, opd and grpo"),
        "ppl_teacher_incorrect": Figure("Teacher perplexity, incorrect", "perplexity", "scope and opd"),
        "ess_correct": Figure("Effective sample size, correct path", "rollouts per prompt"),
        "ess_incorrect": Figure("Effective sample size, incorrect path", "rollouts per prompt"),
    },
    "Signal on the incorrect path": {
        "advantage_incorrect": Figure("Weighted mean advantage", "nats per token", "scope and opd"),
        "advantage_incorrect_positive": Figure("Positive advantages", "share of tokens", "scope and opd"),
    },
    "Optimisation": {
        "grad_norm": Figure("Gradient norm", "norm before clipping"),
        "learning_rate": Figure("Learning rate", "learning rate"),
        "ratio_mean": Figure("Mean ratio, Eq. 1", "ratio"),
        "ratio_max": Figure("Largest ratio, Eq. 1", "ratio"),
        "ess": Figure("Effective sample size of the ratios, Eq. 1", "share of response tokens"),
        "clipped": Figure("Clipped ratios", "share of tokens", "grpo"),
        "kl_reference": Figure(
            "KL to the reference policy", "nats per token", "grpo with objective.kl_coefficient above 0"
        ),
        "engine_gap_mean": Figure("Engine and trainer, mean gap", "nats", "scope, opd and grpo"),
        "engine_gap_max": Figure("Engine and trainer, largest gap", "nats", "scope, opd and grpo"),
    },
}
FIGURES = {name: figure for group in GROUPS.values() for name, figure in group.items()}
NAMES = ("accuracy", "pass_at_k", *FIGURES)
