"""What the rules ask about an experiment, worked out once from its configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scope.artifacts.layout import Layout
from scope.artifacts.stages import STAGES, base_stage
from scope.config.experiment import Config, arm_config, parse_config, with_grid
from scope.config.start import Start
from scope.errors import InputError
from scope.planning.arm import ArmPlan, plan_arm
from scope.planning.benchmarks import Benchmarks, find_benchmarks, with_available_benchmarks
from scope.planning.files import Files
from scope.planning.recipes import grading_recipe, recipe, script_of
from scope.planning.sharing import check_name

CHECK = "check_teacher"


@dataclass(frozen=True, eq=False)
class Plan:
    """An experiment: its configuration, its arms, its paths, and the files that exist."""

    raw: Mapping[str, Any]
    config: Config
    arms: Mapping[str, Config]
    layout: Layout
    benchmarks: Benchmarks
    files: Files
    say: Callable[[str], None] = print
    """What to do with a line that the user is to read before a run starts."""
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returns, made at the first call with `key`."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    @property
    def available(self) -> Config:
        """The configuration without the benchmarks that are skipped."""
        return self.once("available", lambda: with_available_benchmarks(self.config, self.benchmarks))

    def arm(self, name: str) -> ArmPlan:
        """The plan of an arm, also of one that the experiment does not list."""
        return self.once(("arm", name), lambda: plan_arm(self.arms.get(name) or arm_config(self.raw, name)))

    @property
    def starts(self) -> dict[str, Start | None]:
        """What each arm starts from."""
        return {arm: config.start for arm, config in self.arms.items()}

    def shared(self, rollouts: str, scores: str | None = None) -> ArmPlan:
        """The plan of some arm that uses a folder of shared rollouts and, where given, of scores on them."""
        if scores is None:
            return self._first(rollouts, lambda plan: plan.rollouts)
        return self._first(f"{rollouts}/{scores}", lambda plan: f"{plan.rollouts}/{plan.scores}")

    def check(self, name: str) -> ArmPlan:
        """The plan of some arm that uses these checks of the teacher."""
        return self._first(name, lambda plan: plan.check)

    def check_file(self, plan: ArmPlan) -> str:
        """The teacher's checks: the experiment's, or those of an arm with other settings of the teacher."""
        own = self.once("check", lambda: check_name(self.config))
        return self.layout.shared.check(CHECK if plan.check == own else plan.check)

    def check_recipe(self, name: str) -> str:
        """The recipe of the teacher's checks of a name."""
        return self.recipe(CHECK) if name == CHECK else self.check(name).recipes[CHECK]

    def recipe(self, stage: str, **wildcards: str) -> str:
        """The recipe of a stage that all arms share."""
        config = self.available if stage == "check_rows" else self.config
        return self.once((stage, *sorted(wildcards.items())), lambda: recipe(config, stage, **wildcards))

    def recipe_of_job(self, rule: str, job: Any) -> str:
        """The recipe of a job, given its rule and an object with its wildcards as attributes."""
        if base_stage(rule) == "evaluate":
            return self.grading_recipe(job.sampling)
        if rule == "check_teacher":
            return self.check_recipe(job.check)
        if rule == "arm_report":
            return self.report_recipe(job.arm)
        if not STAGES[rule].per_arm:
            return self.recipe(base_stage(rule), **_named(job))
        if hasattr(job, "rollouts"):
            return self.shared(job.rollouts, getattr(job, "scores", None)).recipes[base_stage(rule)]
        return self.arm(job.arm).recipes[base_stage(rule)]

    def script_of_job(self, rule: str, job: Any) -> str:
        """The script of a job, without its suffix."""
        return script_of(self.config, base_stage(rule), **_named(job))

    def grading_recipe(self, sampling: str) -> str:
        """The recipe of evaluations under one way of sampling."""
        return self.once(("sampling", sampling), lambda: grading_recipe(self.config, sampling))

    def report_recipe(self, arm: str) -> str:
        """The recipe of the report on one arm."""
        return recipe(self.config.model_copy(update={"arms": [arm]}), "report")

    def _first(self, name: str, name_of: Callable[[ArmPlan], str]) -> ArmPlan:
        """The first plan, listed arms first, that shared work of a name belongs to."""

        def find() -> ArmPlan:
            for plan in map(self.arm, [*self.config.arms, *self.raw["variants"]]):
                if name_of(plan) == name:
                    return plan
            now = ", ".join(f"{name_of(self.arm(arm))} ({arm})" for arm in self.config.arms)
            raise InputError(
                f"{self.layout.shared.folder}/{name}: no variant has the settings that this name is made from, those "
                f"in the sections rollout, logprob_temperature, teacher and objective; now they give {now}; delete "
                "the old one, or set them back",
                "outdated-folder",
            )

        return self.once(("shared", name), find)


def _named(job: Any) -> dict[str, str]:
    """The wildcards of a job that a recipe may depend on."""
    return {name: getattr(job, name) for name in ("model", "benchmark") if hasattr(job, name)}


def make_plan(raw: Mapping[str, Any], say: Callable[[str], None] = print, files: Files | None = None) -> Plan:
    """The plan of a configuration as it was read. Raises InputError for a wrong one."""
    files, raw = files or Files(), with_grid(raw)
    config = parse_config(raw)
    arms = {arm: arm_config(raw, arm) for arm in config.arms}
    benchmarks = find_benchmarks(config, files.exists)
    return Plan(raw, config, arms, Layout(config.experiment), benchmarks, files, say)
