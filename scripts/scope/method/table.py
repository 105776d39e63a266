"""The table of methods: what each makes of a correct and of an incorrect rollout, and what it has to know.

    method   correct rollouts            incorrect rollouts          behaviour policy   scorer
    scope    mle, w_stu (Eq. 4)          opd, w_tea (Eq. 5)          student            teacher, incorrect only
    opd      opd, 1/n                    opd, 1/n                    student            teacher, all
    grpo     pg, group advantage, 1/n    pg, group advantage, 1/n    student            reference, all
    kd       nll, 1/n                    nll, 1/n (or dropped)       teacher            none

`scope` in released mode is the objective that the authors' published code computes: nll averaged over the
tokens of the correct path, clipped opd averaged over all response tokens, weights of mean 1, and the student
path's weights reversed. An ablation arm is a row of this table or a knob beside it.
"""

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Method:
    """One row: token losses by path, what scores the rollouts, who sampled them, and how weights are made."""

    correct_loss: Literal["mle", "nll", "opd", "pg"]
    incorrect_loss: Literal["mle", "nll", "opd", "pg"]
    scorer: Literal["teacher", "reference"] | None
    scored: Literal["incorrect", "all"] = "all"
    behaviour: Literal["student", "teacher"] = "student"
    weighting: Literal["perplexity", "group"] = "group"
    student_weight: str = "uniform"
    teacher_weight: str = "uniform"
    scale: Literal["sum", "mean"] = "sum"
    normaliser: Literal["prompts", "tokens"] = "prompts"
    opd_clip: float | None = None

    @property
    def losses(self) -> set[str]:
        """The token losses that occur."""
        return {self.correct_loss, self.incorrect_loss}


class Objective(Protocol):
    """What chooses a method, in the configuration or in a recipe."""

    @property
    def method(self) -> str:
        """Name of the method."""
        ...

    @property
    def mode(self) -> str:
        """`paper` or `released`."""
        ...

    @property
    def kl_coefficient(self) -> float | None:
        """Of GRPO's KL to the reference policy."""
        ...


METHODS: dict[tuple[str, str], Method] = {
    ("scope", "paper"): Method(
        "mle", "opd", "teacher", scored="incorrect", weighting="perplexity",
        student_weight="high_ppl", teacher_weight="low_ppl"),
    ("scope", "released"): Method(
        "nll", "opd", "teacher", scored="incorrect", weighting="perplexity",
        student_weight="low_ppl", teacher_weight="low_ppl", scale="mean", normaliser="tokens", opd_clip=0.2),
    ("opd", "paper"): Method("opd", "opd", "teacher"),
    ("grpo", "paper"): Method("pg", "pg", "reference"),
    ("kd", "paper"): Method("nll", "nll", None, behaviour="teacher"),
}  # fmt: skip


def method_of(objective: Objective) -> Method:
    """The row for an objective; GRPO without a KL coefficient needs no scorer."""
    method = METHODS[objective.method, objective.mode]
    if method.scorer == "reference" and objective.kl_coefficient == 0:
        return Method(method.correct_loss, method.incorrect_loss, None)
    return method
