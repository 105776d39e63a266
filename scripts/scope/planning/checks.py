"""How jobs follow the checks of rows, whose content decides which prompts stay."""

import json
from typing import Any

from scope.artifacts.layout import record_file
from scope.artifacts.place import artifact_place
from scope.planning.plan import Plan


def runs_anyway(plan: Plan, rule: str, job: Any, output: str, found: str) -> bool:
    """Whether a job whose output exists runs for another recipe while the check that it follows is to run too."""
    return _check_runs(plan, found) and _has_other_recipe(plan, output, plan.recipe_of_job(rule, job))


def _check_runs(plan: Plan, found: str) -> bool:
    """Whether a check exists and would be made by another recipe now."""

    def look() -> bool:
        place = artifact_place(found)
        benchmark = {} if place.kind == "check_rows" else {"benchmark": found.rpartition("/")[2].removesuffix(".json")}
        return _has_other_recipe(plan, record_file(found), plan.recipe(place.kind, **benchmark))

    return plan.once(("check", found), look)


def _has_other_recipe(plan: Plan, path: str, recipe: str) -> bool:
    return plan.files.exists(path) and plan.files.provenance(path)["recipe"] != json.loads(recipe)
