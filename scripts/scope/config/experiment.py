"""The typed configuration of an experiment and of each of its arms, validated before anything runs.

Imports no torch, so that planning is fast. `make schema` generates the JSON schema in workflow/schemas and the table of
keys in config/KEYS.md from these classes; tests check that they are up to date.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from scope.artifacts.layout import RESERVED
from scope.config.cost import ExpectedCost
from scope.config.data import Data
from scope.config.evaluation import Evaluation
from scope.config.grid import Grid
from scope.config.grid_expand import expand
from scope.config.layers import Layered, file_of, layers_of
from scope.config.models import Models
from scope.config.output import Checkpoint, Report, Retention, Tracking
from scope.config.read import lay_over, merge, read_config
from scope.config.renamed import refuse_renamed
from scope.config.start import Start, first_problem
from scope.config.teacher import Teacher
from scope.config.temperature import resolve_temperature
from scope.config.training import LogprobTemperature, Objective, Rollout, Update
from scope.config.types import Arm, Count, Name, Positive, Section
from scope.config.validate import validate
from scope.errors import InputError

VARIANTS = Path(__file__).resolve().parents[3] / "config/variants.yaml"
ARM_SECTIONS = ("start", "rollout", "logprob_temperature", "teacher", "objective", "update")


class Config(Section):
    """One experiment: shared sections, and its arms."""

    experiment: Name
    """Folder under results/."""
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[0], min_length=1)
    """Every arm runs with every seed."""
    rounds: Count = 1
    """Rounds of rollout, verdicts, scores, batch and update."""
    arms: list[Arm] = Field(default=["scope"], min_length=1)
    """Names of variants to run, with the cells of `grid`; without `arms`, a grid's cells only."""
    variants: dict[Arm, dict[str, Any] | None] = Field(default={})
    """Named overrides of start, rollout, logprob_temperature, teacher, objective and update."""
    grid: Grid | None = None
    """Arms made from the values of axes."""
    data: Data
    models: Models
    start: Start | None = None
    """What the first round starts from, set in `variants`; null: the student."""
    rollout: Rollout = Rollout()
    logprob_temperature: LogprobTemperature = LogprobTemperature()
    teacher: Teacher = Teacher()
    objective: Objective = Objective()
    update: Update = Update()
    evaluation: Evaluation = Evaluation()
    retention: Retention = Retention()
    checkpoint: Checkpoint = Checkpoint()
    tracking: Tracking = Tracking()
    report: Report = Report()
    expected_cost: ExpectedCost | None = None
    gpu_memory_gb: Positive | None = None
    """Memory of the GPUs that run the stages: a run that cannot fit stops before its first job (docs/memory.md); null:
    not checked."""

    @model_validator(mode="after")
    def _sections_agree(self) -> "Config":
        at = self.rollout.temperature
        student, teacher = (resolve_temperature(t, at) for t in (
            self.logprob_temperature.student, self.logprob_temperature.teacher))  # fmt: skip
        if student not in (1.0, at):
            raise ValueError(
                f"logprob_temperature.student is {student}: engines record log-probabilities at 1.0 or at "
                f"rollout.temperature ({at}); write one of these, or `rollout`"
            )
        if self.teacher.backend != "in_process" and teacher != 1.0:
            raise ValueError(
                f"logprob_temperature.teacher is {teacher}, but a vLLM server gives prompt log-probabilities "
                "at 1.0 only; write `teacher: 1.0` (the fixed point is then student logits = rollout "
                "temperature x teacher logits), or use `teacher.backend: in_process`"
            )
        if self.objective.mode == "released" and teacher != 1.0:
            raise ValueError("objective.mode released scores the teacher at temperature 1: write "
                             "`logprob_temperature.teacher: 1.0`")  # fmt: skip
        for name, values in (("seeds", self.seeds), ("arms", self.arms)):
            twice = [value for value, times in Counter(values).items() if times > 1]
            if twice:
                raise ValueError(f"`{name}`: {twice[0]} is listed twice; remove one")
        world, needed = self.data.world, self.update.steps_per_round * self.update.prompts_per_step
        if world and world.section.prompts < needed:
            raise ValueError(
                f"data.{world.key}.prompts is {world.section.prompts}, but a round takes {needed} prompts "
                "(update.steps_per_round x update.prompts_per_step); raise the first, or lower one of the others"
            )
        if world and world.key != "puzzle" and self.models.tokenizer.kind == "characters" and self.models.makes_any:
            raise ValueError("models.tokenizer.kind: `characters` are those of the puzzle; write `bpe`")
        return self


def advice(config: Config) -> list[str]:
    """Warnings for a run that is allowed nevertheless."""
    at = config.rollout.temperature
    teacher = resolve_temperature(config.logprob_temperature.teacher, at)
    if teacher == at or config.objective.method not in ("scope", "opd"):
        return []
    return [
        f"teacher log-probabilities are taken at temperature {teacher}, rollouts at {at}: the fixed point is student "
        f"logits = {at / teacher:g} x teacher logits"
    ]


def expand_path(path: str) -> str:
    """Replace `${NAME}` by the environment variable NAME, which must be set and may end in `/`."""
    expanded = os.path.expandvars(os.path.expanduser(path))
    missing = re.search(r"\$\{?(\w+)\}?", expanded)
    if missing:
        raise InputError(f"{path}: environment variable {missing[1]} is not set; export it", "unset-variable")
    return re.sub("/{2,}", "/", expanded)


def with_grid(raw: Mapping[str, Any]) -> Layered:
    """The configuration with the cells of its `grid` as additional variants and arms.

    Raises InputError that names each invalid key; a configuration without a grid is returned unchanged.
    """
    refuse_renamed(raw)
    named = [name for name in raw.get("variants") or {} if "=" in str(name)]
    if named:
        place = ("variants", named[0])
        raise InputError(f"{file_of(raw, *place)}: {'.'.join(place)}: only a grid's cells have `=` in their names; "
                         "rename it", "invalid-name")  # fmt: skip
    grid = validate(Config, {**raw, "arms": raw.get("arms") or ["scope"]}, layers_of(raw)).grid
    if grid is None:
        return Layered(raw, layers_of(raw))
    resolved = {name: arm_config(raw, name).model_dump(mode="json") for name in grid.variants}
    file = file_of(raw, "grid", "axes")
    try:
        _check_axes(grid, raw["grid"]["axes"])
        cells = expand(grid, resolved)
    except InputError as error:
        raise InputError(f"{file}: {error}", error.code) from None
    variants = {name: _laid_over(raw["variants"][variant], pairs) for name, (variant, pairs) in cells.items()}
    arms = dict.fromkeys([*(raw.get("arms") or []), *cells])
    layers = [*layers_of(raw), (file, {"variants": variants})]
    return Layered({**raw, "variants": {**raw["variants"], **variants}, "arms": list(arms)}, layers)


def _check_axes(grid: Grid, written: Mapping[str, Any]) -> None:
    """Raise InputError for a label that is no text, and for an axis of a key that arms share."""
    for name, axis in grid.axes.items():
        labels = written[name]["values"]
        unquoted = [label for label in labels if not isinstance(label, str)] if isinstance(labels, Mapping) else []
        if unquoted:
            raise InputError(
                f"grid.axes.{name}.values: YAML reads a label as {unquoted[0]!r}; write it in quotes", "unquoted-label"
            )
        if axis.key.split(".")[0] not in ARM_SECTIONS:
            raise InputError(f"grid.axes.{name}.key: {axis.key} cannot differ between arms; an axis may set a key of "
                             f"{', '.join(ARM_SECTIONS)}", "not-per-arm")  # fmt: skip


def _laid_over(override: Mapping[str, Any] | None, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    merged = dict(override or {})
    for key, value in pairs:
        for part in reversed(key.split(".")):
            value = {part: value}
        merged = merge(merged, value)
    return merged


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration and each of its arms.

    Raises InputError that names each invalid key and its allowed values.
    """
    refuse_renamed(raw)
    config = validate(Config, raw, layers_of(raw))
    problem = first_problem({arm: arm_config(raw, arm).start for arm in config.arms}, config.rounds)
    if problem:
        arm, wrong = problem
        raise InputError(f"{file_of(raw, 'variants', arm, 'start')}: variants.{arm}: {wrong}", "no-such-start")
    return config


def open_config(*paths: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and validate configuration files as the workflow does: later ones, then `overrides`, take precedence."""
    return parse_config(with_grid(lay_over(read_config(VARIANTS, *paths), overrides or {})))


def arm_config(raw: Mapping[str, Any], arm: str) -> Config:
    """The configuration of one arm: the shared one with the variant's overrides."""
    variants = raw.get("variants") or {}
    if arm not in variants:
        known = ", ".join(sorted(variants)) or "none"
        raise InputError(
            f"{file_of(raw, 'arms')}: no variant named {arm!r}; `variants` defines: {known}", "no-such-arm"
        )
    override, file = variants[arm] or {}, file_of(raw, "variants", arm)
    if arm in RESERVED:
        raise InputError(f"{file}: variants.{arm}: this name is taken by a folder or a policy of every experiment; "
                         "choose another", "reserved-name")  # fmt: skip
    outside = sorted(set(override) - set(ARM_SECTIONS))
    if outside:
        raise InputError(f"{file}: variants.{arm}: {', '.join(outside)} cannot differ between arms; "
                         f"a variant may set {', '.join(ARM_SECTIONS)}", "not-per-arm")  # fmt: skip
    placed = [key for key in ("backend", "server", "managed") if key in (override.get("teacher") or {})]
    if placed:
        raise InputError(
            f"{file}: variants.{arm}: teacher.{placed[0]} cannot differ between arms; all use the same servers",
            "not-per-arm",
        )
    return validate(Config, merge(raw, override), layers_of(raw), arm)


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
