"""Accepting a change of code: which code made the artifacts, and the record that the present code equals it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from scope.artifacts.accepted import Acceptance, acceptances, accepted_chain, recipe_code
from scope.artifacts.fingerprint import fingerprint, modules
from scope.artifacts.provenance import read_provenance
from scope.artifacts.stages import STAGES
from scope.errors import InputError


class Made(NamedTuple):
    """The code that artifacts of one script were made by."""

    code: str
    """What their recipes name."""
    own: str
    """What they were really made by: another code where that was accepted as equal."""
    modules: tuple[tuple[str, str], ...]


def made_by(paths: Iterable[str]) -> dict[str, dict[Made, int]]:
    """By script: the codes that artifacts were made by, and how many artifacts each made."""
    found: dict[str, dict[Made, int]] = defaultdict(lambda: defaultdict(int))
    for path in paths:
        provenance = read_provenance(path)
        recipe = provenance.get("recipe", {})
        if recipe.get("script") and recipe.get("code"):
            own = provenance.get("accepted", {}).get("code", recipe["code"])
            made = Made(recipe["code"], own, tuple(sorted(provenance.get("modules", {}).items())))
            found[recipe["script"]][made] += 1
    return found


def propose(
    stages: Sequence[str], found: dict[str, dict[Made, int]], *, reason: str, time: str
) -> tuple[list[Acceptance], list[str]]:
    """The records that accept the code of now for stages, and lines on what runs again all the same.

    Raises InputError where nothing changed, where no artifact records the old code, or where artifacts differ in it.
    """
    if not reason.strip():
        raise InputError(
            "--reason: write why the change alters no result, for the readers of the report", "missing-argument"
        )
    scripts = _scripts_of(stages)
    records = [_record(script, found.get(script, {}), reason, time) for script in scripts]
    return records, list(_again(scripts, found))


def _record(script: str, made: dict[Made, int], reason: str, time: str) -> Acceptance:
    names, now = _stages_of(script), fingerprint(script)
    counted, stages = recipe_code(script), ", ".join(names)
    old = {one for one in made if one.code != counted}
    codes = sorted({one.code[:12] for one in old})
    if not made:
        raise InputError(
            f"{stages}: the old code is unknown, because none of the given folders has an artifact that {script} made; "
            "name the folder of a finished experiment",
            "unknown-code",
        )
    if not old:
        raise InputError(
            f"{stages}: nothing to accept; the artifacts are those of the present code", "nothing-to-accept"
        )
    if len(codes) > 1:
        raise InputError(
            f"{stages}: the artifacts were made by several codes ({', '.join(codes)}), and the present code can "
            "count as one of them; name the folder of one experiment with --results",
            "several-codes",
        )
    if counted != now:
        raise InputError(
            f"{stages}: the present code already counts as {counted[:12]}; it cannot count as {codes[0]} too",
            "already-accepted",
        )
    order = [record.new for record in acceptances() if record.script == script]
    last = max(old, key=lambda one: order.index(one.own) if one.own in order else -1)
    return Acceptance(script, names, last.own, now, _differences(dict(last.modules), modules(script)), reason, time)


def _differences(before: dict[str, str], now: dict[str, str]) -> dict[str, list[str | None]]:
    names = sorted(before.keys() | now.keys())
    return {name: [before.get(name), now.get(name)] for name in names if before.get(name) != now.get(name)}


def _again(accepted: Iterable[str], found: dict[str, dict[Made, int]]) -> Iterator[str]:
    for script, made in sorted(found.items()):
        stages = ", ".join(_stages_of(script))
        current = sum(count for one, count in made.items() if one.code == recipe_code(script))
        if script in accepted and current:
            yield f"{stages}: {current} artifacts were already made by the present code; they are made again"
        elif script not in accepted and any(one.code != recipe_code(script) for one in made):
            yield f"{stages}: not accepted; the code changed too, so it runs again"


def _scripts_of(stages: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(f"{script}.py" for stage in stages for script in STAGES[stage].scripts))


def _stages_of(script: str) -> list[str]:
    return [stage.name for stage in STAGES.values() if script.removesuffix(".py") in stage.scripts]


def in_force() -> list[str]:
    """A line for every record by which the present code of a stage counts as an older one."""
    scripts = _scripts_of(STAGES)
    known = {record.script for record in acceptances()}
    chains = (accepted_chain(script, fingerprint(script)) for script in scripts if script in known)
    return [f"accepted: {record.describe()}" for chain in chains for record in reversed(chain)]


def records_of(provenance: dict[str, Any]) -> list[Acceptance]:
    """The records that an artifact's own code was accepted by. Raises InputError where they are damaged."""
    try:
        return [Acceptance(**record) for record in provenance.get("accepted", {}).get("records", [])]
    except (TypeError, AttributeError):
        raise InputError("its records of accepted code are damaged", "unreadable-metadata") from None
