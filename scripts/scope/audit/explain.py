"""Why a job would run: what its outputs were made from, compared with what they would be made from now."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scope.artifacts.diff import changed_modules, changed_settings
from scope.artifacts.fingerprint import modules
from scope.artifacts.place import parse
from scope.artifacts.provenance import digest_of, kind_of, read_provenance
from scope.audit.counterpart import settings_since


@dataclass(frozen=True)
class Job:
    """A planned job, as the workflow engine describes it."""

    rule: str
    outputs: Sequence[str]
    inputs: Sequence[str]
    recipe: str | None
    """The recipe that it would run with; None for a rule without one."""
    reason: str
    """The engine's own words."""


def explain(jobs: Sequence[Job]) -> Iterator[str]:
    """Lines: every rule with what changed for it, jobs with the same causes counted together."""
    made_again = {output for job in jobs for output in job.outputs}
    groups: dict[tuple[str, tuple[str, ...]], list[Job]] = {}
    for job in jobs:
        if job.outputs:
            groups.setdefault((job.rule, tuple(causes(job, made_again))), []).append(job)
    for (rule, found), same in groups.items():
        count = f"{len(same)} jobs, first" if len(same) > 1 else "1 job,"
        yield f"{rule}: {count} {same[0].outputs[0]}"
        yield from (f"    {cause}" for cause in found)


def causes(job: Job, made_again: set[str]) -> list[str]:
    """What changed for one job: settings, modules, inputs, outputs; else the engine's own words."""
    existing = [output for output in job.outputs if Path(output).is_file()]
    provenance = next((read_provenance(output) for output in existing if kind_of(output)), {})
    absent = [output for output in job.outputs if output not in existing]
    found = [f"{_kind(output)} not found" for output in absent[:1]]
    now = json.loads(job.recipe) if job.recipe else {}
    if now and absent:
        found += settings_since(absent[0], now["settings"])
    if now and "recipe" in provenance:
        found += changed_settings(provenance["recipe"]["settings"], now["settings"])
        if provenance["recipe"]["code"] != now["code"]:
            found += changed_modules(provenance.get("modules", {}), modules(now["script"]))
        found += changed_inputs(provenance["inputs"], job.inputs, made_again)
    follows = sorted({_kind(path) for path in job.inputs if path in made_again})
    if follows:
        found.append(f"follows {', '.join(follows)}")
    return found or [job.reason]


def changed_inputs(before: dict[str, str], now: Sequence[str], made_again: set[str]) -> list[str]:
    """One line per input file whose content changed; inputs that will be made again are explained by their own job."""
    return [
        f"input {path}: its content changed"
        for path in now
        if path in before and path not in made_again and digest_of(path) not in (None, before[path])
    ]


def _kind(path: str) -> str:
    """What a file is, by its place; a file outside of results by its name."""
    place = parse(path)
    return place.kind if place else Path(path).stem
