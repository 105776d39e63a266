"""Artifacts that Snakemake compares with no recipe: it has no record of them, or its settings leave parameters out.

They carry the recipe that made them. So the comparison is made here, and what has another recipe is forced to run.
"""

import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scope.artifacts.listing import artifacts_below
from scope.artifacts.names import SHARED
from scope.artifacts.place import Place, parse
from scope.errors import InputError
from scope.planning.plan import CHECK, Plan

RECORDS = Path(".snakemake/metadata")
LONGEST_NAME = 254
"""Characters of a part of a record's name."""
IN_ROUND = {
    **{stage: stage for stage in ("rollout", "verify", "score")},
    "batch": "weigh",
    **dict.fromkeys(("policy", "state", "metrics"), "update"),
}


def is_recorded(path: str) -> bool:
    """Whether Snakemake has a record of how a file was made."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + LONGEST_NAME] for start in range(0, len(name), LONGEST_NAME)]
    return RECORDS.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1]).is_file()


def outdated(plan: Plan, paths: Iterable[str]) -> dict[str, str]:
    """The stage of each artifact that another recipe made than the one planned now."""
    found = {}
    for path in paths:
        stage, recipe = planned(plan, path) or ("", None)
        if recipe and plan.files.provenance(path).get("recipe") != json.loads(recipe):
            found[path] = stage
    return found


def planned(plan: Plan, path: str) -> tuple[str, str] | None:
    """The stage that makes an artifact, and the recipe by which it would; None for what is not planned."""
    place = parse(path)
    if place is None or place.restored:
        return None
    try:
        return _in_round(plan, place, path) if place.round and place.kind in IN_ROUND else _other(plan, place, path)
    except InputError:
        return None  # of settings that no arm has any more


def _in_round(plan: Plan, place: Place, path: str) -> tuple[str, str] | None:
    stage, folder = IN_ROUND[place.kind], place.folder or ""
    if place.arm == SHARED:
        scores = Path(path).parent.name if stage == "score" else None
        return stage, plan.shared(folder.removeprefix(f"{SHARED}/"), scores).recipes[stage]
    return (stage, plan.arm(folder).recipes[stage]) if folder in plan.arms else None


def _other(plan: Plan, place: Place, path: str) -> tuple[str, str] | None:
    kind, file = place.kind, Path(path)
    benchmark, sampling = file.parent.parent.name, file.parent.name
    if kind in ("evaluate", "grade"):
        if benchmark not in plan.benchmarks.names or sampling not in plan.config.evaluation.sampling:
            return None
        return kind, plan.grading_recipe(sampling) if kind == "evaluate" else plan.recipe(kind, benchmark=benchmark)
    if kind == "model":
        return "model", plan.recipe("model", model=file.parent.name)
    if kind == CHECK:
        return kind, plan.check_recipe(file.stem)
    if kind in ("problems", "check_problems"):
        name = file.name.split(".")[0]
        return (kind, plan.recipe(kind, benchmark=name)) if name in plan.benchmarks.names else None
    return (kind, plan.recipe(kind)) if kind in ("tokenizer", "prompts", "check_rows") else None


def described(found: dict[str, str], *, compares_params: bool) -> list[str]:
    """What the user reads: the setting that leaves parameters out, and what is made again."""
    lines: list[str] = []
    if not compares_params:
        lines = [
            "Warning: rerun-triggers, in a Snakemake profile or on the command line, leaves out `params`, by which "
            "Snakemake sees changed settings and code; remove it, or add `params`. Recipes are compared without it"
        ]
    counts = ", ".join(f"{stage} {count}" for stage, count in Counter(found.values()).items())
    again = f"made by other settings or code, and Snakemake did not compare them, so they are made again: {counts}"
    return [*lines, *([again] if found else [])]


def force_outdated(plan: Plan, triggers: Iterable[Any], forced: set[str]) -> list[str]:
    """Add to the files that Snakemake is forced to make what it does not compare itself; returns lines for the user."""
    compares_params = "PARAMS" in {trigger.name for trigger in triggers}
    paths = artifacts_below(plan.layout.root)
    found = outdated(plan, (path for path in paths if not compares_params or not is_recorded(path)))
    forced.update(found)
    return described(found, compares_params=compares_params)
