"""How jobs follow the checks of rows, whose content decides which prompts stay."""

import json
from typing import Any

from scope.artifacts.layout import record_file
from scope.planning.plan import Plan


def found_file(plan: Plan, job: Any) -> str:
    """What a check found in the rows of a job's prompts: those of its benchmark, or of training."""
    shared, benchmark = plan.layout.shared, getattr(job, "benchmark", None)
    return shared.found_in(benchmark) if benchmark else shared.found_in_training


def runs_anyway(plan: Plan, rule: str, job: Any, output: str) -> bool:
    """Whether a job whose output exists runs for another recipe while the check that it follows is to run too."""
    return _check_runs(plan, job) and _has_other_recipe(plan, output, plan.recipe_of_job(rule, job))


def _check_runs(plan: Plan, job: Any) -> bool:
    """Whether a check exists and would be made by another recipe now."""
    found, rule = found_file(plan, job), "check_problems" if hasattr(job, "benchmark") else "check_rows"
    return plan.once(
        ("check", found), lambda: _has_other_recipe(plan, record_file(found), plan.recipe_of_job(rule, job))
    )


def _has_other_recipe(plan: Plan, path: str, recipe: str) -> bool:
    return plan.files.exists(path) and plan.files.provenance(path)["recipe"] != json.loads(recipe)
