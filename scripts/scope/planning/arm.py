"""What the workflow has to know of one arm to plan its jobs, worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass

from scope.artifacts.stages import PER_ARM
from scope.config.experiment import Config
from scope.method.table import method_of
from scope.planning.derived import exact_kl, scorer
from scope.planning.recipes import execution, recipe
from scope.planning.sharing import check_name, rollouts_name, scores_name, shares_rollouts


@dataclass(frozen=True)
class ArmPlan:
    """One arm: who samples and who scores, where shared work lies, and the recipe of each stage."""

    config: Config
    behaviour: str
    """Who samples the rollouts: `student` or `teacher`."""
    scorer: str | None
    """Who scores them: `teacher`, `reference`, or nobody."""
    exact_kl: bool
    """Whether the update itself needs the teacher."""
    rollouts: str
    """Folder below shared/ of the rollouts that its own policy did not sample."""
    scores: str | None
    """Folder beside these of their scores."""
    check: str
    """Name of the teacher's checks under its settings of the teacher."""
    recipes: Mapping[str, str]
    execution: str
    """How its updates are computed (update/execution.py), as JSON: no part of a recipe."""

    def shares_rollouts(self, round_: int) -> bool:
        """Whether arms can share a round's rollouts."""
        return shares_rollouts(self.config, round_)


def duplicate_arms(plans: Mapping[str, ArmPlan]) -> list[str]:
    """A warning for every arm that computes what an arm before it computes, however its settings are written."""
    seen: dict[tuple, str] = {}
    lines = []
    for name, plan in plans.items():
        first = seen.setdefault((*sorted(plan.recipes.items()), plan.config.start), name)
        if first != name:
            lines.append(f"arms {first} and {name} compute the same: all but round 1 is computed twice")
    return lines


def plan_arm(config: Config) -> ArmPlan:
    """Everything about one arm that its jobs are planned from."""
    method, scores = method_of(config.objective), scorer(config)
    return ArmPlan(
        config,
        method.behaviour,
        scores and scores.model,
        exact_kl(config),
        rollouts_name(config),
        scores and scores_name(config),
        check_name(config),
        {stage: recipe(config, stage) for stage in PER_ARM},
        execution(config),
    )
