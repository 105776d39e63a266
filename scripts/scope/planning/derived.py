"""Settings that follow from several keys: arms that agree in them share their work, however they are written."""

from pathlib import Path
from typing import Any

from scope.config.data import ProblemFile
from scope.config.experiment import Config
from scope.config.models import Model
from scope.config.temperature import resolve_temperature
from scope.config.training import Objective
from scope.method.recipe import ObjectiveSettings
from scope.method.table import Method, method_of
from scope.planning.take import take
from scope.report.recipe import STUDENTS, Origin, ReportModel, ReportModels, ReportStart, ReportStudent
from scope.score.recipe import Scorer
from scope.score.settings import InProcess, Servers


def student_temperature(config: Config) -> float:
    """The temperature of the student's log-probabilities, as a number."""
    return resolve_temperature(config.logprob_temperature.student, config.rollout.temperature)


def teacher_temperature(config: Config) -> float:
    """The temperature of the teacher's log-probabilities, as a number."""
    return resolve_temperature(config.logprob_temperature.teacher, config.rollout.temperature)


def exact_kl(config: Config) -> bool:
    """Whether the update computes the exact KL, and so needs the teacher itself."""
    return config.objective.kl == "full" and "opd" in method_of(config.objective).losses


def resolve_objective(objective: Objective) -> ObjectiveSettings:
    """The section `objective` as the method computes with it, so that only a change of what it computes is one.

    A key that the method does not use is null, and a key that is left to the method has the method's own value.
    """
    method = method_of(objective)
    left_to_method = ("student_weight", "teacher_weight", "scale", "opd_clip")
    section = objective.model_dump()
    own = {key: getattr(method, key) for key in left_to_method if section[key] is None}
    return ObjectiveSettings.model_validate({**section, **own, **dict.fromkeys(_unused_keys(method))})


def _unused_keys(method: Method) -> list[str]:
    """Keys of `objective` that a method does not compute with."""
    unused = []
    if method.weighting != "perplexity":
        unused += ["tau", "student_weight", "teacher_weight", "scale"]
    if "opd" not in method.losses:
        unused += ["kl", "opd_clip"]
    if "pg" not in method.losses:
        unused += ["pg_clip", "advantage_eps", "kl_coefficient"]
    if method.behaviour != "teacher":
        unused += ["drop_incorrect"]
    return unused


def scorer(config: Config) -> Scorer | None:
    """Who scores which rollouts, how and at which temperature; GRPO's reference is a pass inside the job."""
    method = method_of(config.objective)
    if method.scorer is None:
        return None
    teaches = method.scorer == "teacher"
    return Scorer(
        model=method.scorer,
        scored=method.scored,
        temperature=teacher_temperature(config) if teaches else student_temperature(config),
        teacher=teacher_scoring(config) if teaches else in_process(config),
    )


def teacher_scoring(config: Config) -> InProcess | Servers:
    """How the teacher's log-probabilities are computed."""
    section = config.teacher
    if section.backend == "in_process" or section.server is None:
        return in_process(config)
    return Servers(backend=section.backend, model=section.server.model)


def in_process(config: Config) -> InProcess:
    """A pass of any scorer in the process of the job."""
    return InProcess(backend="in_process", pack_tokens=config.teacher.pack_tokens, attention=config.teacher.attention)


def origins(config: Config) -> dict[str, Origin]:
    """Dataset and licence of training and of each benchmark, as the report states them."""
    sets = {"train": config.data.train, **config.data.benchmarks}
    return {name: Origin(dataset=_dataset(rows), licence=rows.licence) for name, rows in sets.items() if rows}


def _dataset(rows: ProblemFile) -> str | None:
    return rows.hub and f"{rows.hub.dataset} at {rows.hub.revision}"


def reported_starts(config: Config) -> dict[str, ReportStart]:
    """What arms start from, of those that do not start from the student."""
    starts = {arm: (config.variants.get(arm) or {}).get("start") for arm in config.arms}
    return {arm: ReportStart.model_validate(start) for arm, start in starts.items() if start}


def reported_models(config: Config) -> ReportModels:
    """Where student and teacher come from, as the report states it; paths as the configuration gives them."""
    models = config.models
    return ReportModels(
        dtype=models.dtype,
        student=take(ReportStudent, models.student, sft=_reported_sft(models.student), name=_name_in_paper(config)),
        teacher=take(ReportModel, models.teacher, sft=_reported_sft(models.teacher)),
    )


def _reported_sft(model: Model) -> dict[str, Any] | None:
    rows = model.sft and model.sft.rows
    return model.sft and {**model.sft.model_dump(), "rows": rows and (rows.path or _dataset(rows))}


def _name_in_paper(config: Config) -> str | None:
    """The student's name where the paper's tables have one like it, by its folder's name."""
    name = Path(config.models.student.path or "").name
    return name if name in STUDENTS else None
