"""What decides what each stage computes: its recipe, and so what a change runs again.

A function per stage builds the stage's own settings from the configuration. A key that no recipe holds reruns nothing:
it changes what is planned, watched or kept meanwhile, never what a stage computes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from scope.artifacts.recipe import Settings, make_recipe
from scope.artifacts.stages import STAGES, base_stage
from scope.config.experiment import Config
from scope.evaluate.export_recipe import ExportRecipe, ExportSettings
from scope.evaluate.recipe import EvaluateRecipe, EvaluationSettings
from scope.evaluate.recipe import PromptLength as EvaluatedPrompts
from scope.method.recipe import StepSettings, WeighRecipe
from scope.method.table import method_of
from scope.models.dtype import ModelArithmetic
from scope.models.recipe import ModelRecipe, ModelSettings
from scope.planning.content import model_content, model_folder
from scope.planning.data_recipes import (
    check_problems_recipe,
    check_rows_recipe,
    domain,
    problems_recipe,
    prompts_recipe,
    tokenizer_recipe,
    with_content,
)
from scope.planning.derived import (
    exact_kl,
    in_process,
    origins,
    reported_models,
    reported_starts,
    resolve_objective,
    scorer,
    student_temperature,
    teacher_scoring,
    teacher_temperature,
)
from scope.planning.retire_recipe import RetentionSettings, RetireRecipe
from scope.planning.take import take
from scope.prompts.sft_recipe import SftRecipe, SolvedProblems, TunedModel
from scope.report.figure_recipe import FigureEvaluation, FigureRecipe, FigureReport
from scope.report.recipe import ReportEvaluation, ReportRecipe, ReportSettings
from scope.report.summary_recipe import SummaryEvaluation, SummaryRecipe, SummaryReport
from scope.rollout.recipe import PromptLength, RolloutRecipe, RolloutSettings
from scope.score.check_recipe import CheckedRollout, CheckTeacherRecipe, ComparedServers
from scope.score.recipe import ScoreRecipe
from scope.score.settings import InProcess
from scope.update.execution import Execution
from scope.update.recipe import UpdateRecipe, UpdateSettings
from scope.verify.recipe import VerifyRecipe


def recipe(config: Config, stage: str, **wildcards: str) -> str:
    """The single parameter of a stage's rule: its settings and the fingerprint of its code, as one line of JSON."""
    return make_recipe(script_of(config, stage, **wildcards), stage_settings(config, stage, **wildcards))


def script_of(config: Config, stage: str, **wildcards: str) -> str:
    """The script of a job, without its suffix.

    A stage has several where an edit of one kind of work should rerun no other: verdicts have one for each domain,
    and a model that is fine-tuned has another than one that is not.
    """
    if stage == "model":
        return "sft" if getattr(config.models, wildcards["model"]).sft else "model"
    scripts = STAGES[stage].scripts
    return scripts[0] if len(scripts) == 1 else f"verify_{domain(config, wildcards.get('benchmark'))}"


def grading_recipe(config: Config, sampling: str) -> str:
    """The recipe of evaluations under one way of sampling, on which the others have no bearing."""
    only = {sampling: config.evaluation.sampling[sampling]}
    evaluation = config.evaluation.model_copy(update={"sampling": only})
    return recipe(config.model_copy(update={"evaluation": evaluation}), "evaluate")


def stage_settings(config: Config, stage: str, **wildcards: str) -> dict[str, Any]:
    """The settings that decide what a stage computes, as plain values; stages outside RECIPES need a wildcard."""
    return build_settings(config, stage, wildcards).model_dump(mode="json")


def build_settings(config: Config, stage: str, wildcards: Mapping[str, str]) -> Settings:
    """The settings that decide what a stage computes."""
    if stage == "model":
        return model_recipe(config, wildcards["model"])
    if stage == "problems":
        return problems_recipe(config, wildcards["benchmark"])
    if stage == "check_problems":
        return check_problems_recipe(config, wildcards["benchmark"])
    return RECIPES[base_stage(stage)](config)


def model_recipe(config: Config, model: str) -> ModelRecipe | SftRecipe:
    """The model `student` or `teacher`."""
    section, content = getattr(config.models, model), model_content(model_folder(config, model))
    if not section.sft:
        return ModelRecipe(models={model: take(ModelSettings, section, content=content)})
    sft = {**section.sft.model_dump(), "rows": with_content(section.sft.rows)}
    return SftRecipe(
        models={model: take(TunedModel, section, content=content, sft=sft)}, data=take(SolvedProblems, config.data)
    )


def check_teacher_recipe(config: Config) -> CheckTeacherRecipe:
    """The checks of the teacher."""
    teacher = teacher_scoring(config)
    if not isinstance(teacher, InProcess):
        pack_tokens = in_process(config).pack_tokens
        teacher = ComparedServers(
            backend=teacher.backend, model=teacher.model, pack_tokens=pack_tokens, exact_kl=exact_kl(config)
        )
    return CheckTeacherRecipe(
        teacher=teacher,
        models=take(ModelArithmetic, config.models),
        rollout=CheckedRollout(engine=config.rollout.engine),
    )


def rollout_recipe(config: Config) -> RolloutRecipe:
    """The rollouts of a round."""
    return RolloutRecipe(
        rollout=take(RolloutSettings, config.rollout),
        behaviour=method_of(config.objective).behaviour,
        student_temperature=student_temperature(config),
        models=take(ModelArithmetic, config.models),
        data=take(PromptLength, config.data),
        prompts_per_round=config.update.steps_per_round * config.update.prompts_per_step,
    )


def verify_recipe(_: Config) -> VerifyRecipe:
    """The verdicts on rollouts."""
    return VerifyRecipe()


def score_recipe(config: Config) -> ScoreRecipe:
    """The scores of rollouts."""
    return ScoreRecipe(scorer=scorer(config), models=take(ModelArithmetic, config.models))


def weigh_recipe(config: Config) -> WeighRecipe:
    """The batch of a round."""
    return WeighRecipe(objective=resolve_objective(config.objective), update=take(StepSettings, config.update))


def update_recipe(config: Config) -> UpdateRecipe:
    """The policy after a round."""
    return UpdateRecipe(
        update=take(UpdateSettings, config.update),
        student_temperature=student_temperature(config),
        teacher_temperature=teacher_temperature(config) if exact_kl(config) else None,
        models=take(ModelArithmetic, config.models),
    )


def execution(config: Config) -> str:
    """How updates are computed, as JSON; no recipe holds it, so that a change reruns nothing."""
    return take(Execution, config.update).model_dump_json()


def evaluate_recipe(config: Config) -> EvaluateRecipe:
    """The samples of a policy on a benchmark."""
    return EvaluateRecipe(
        evaluation=take(EvaluationSettings, config.evaluation),
        models=take(ModelArithmetic, config.models),
        data=take(EvaluatedPrompts, config.data),
    )


def summary_recipe(config: Config) -> SummaryRecipe:
    """The table of one policy's accuracy."""
    return SummaryRecipe(
        report=take(SummaryReport, config.report), evaluation=take(SummaryEvaluation, config.evaluation)
    )


def export_recipe(config: Config) -> ExportRecipe:
    """The evaluations of one policy for other tools."""
    return ExportRecipe(evaluation=take(ExportSettings, config.evaluation))


def retire_recipe(config: Config) -> RetireRecipe:
    """What is deleted of a finished round."""
    return RetireRecipe(retention=take(RetentionSettings, config.retention))


def report_recipe(config: Config) -> ReportRecipe:
    """The report."""
    return ReportRecipe(
        report=take(ReportSettings, config.report),
        evaluation=take(ReportEvaluation, config.evaluation),
        models=reported_models(config),
        experiment=config.experiment,
        seeds=config.seeds,
        rounds=config.rounds,
        arms=config.arms,
        starts=reported_starts(config),
        origins=origins(config),
    )


def figure_recipe(config: Config) -> FigureRecipe:
    """A figure."""
    return FigureRecipe(
        report=take(FigureReport, config.report),
        evaluation=take(FigureEvaluation, config.evaluation),
        arms=config.arms,
        starts=reported_starts(config),
    )


RECIPES: Mapping[str, Callable[[Config], Settings]] = {
    "tokenizer": tokenizer_recipe,
    "check_rows": check_rows_recipe,
    "prompts": prompts_recipe,
    "check_teacher": check_teacher_recipe,
    "rollout": rollout_recipe,
    "verify": verify_recipe,
    "grade": verify_recipe,
    "score": score_recipe,
    "weigh": weigh_recipe,
    "update": update_recipe,
    "evaluate": evaluate_recipe,
    "summary": summary_recipe,
    "export": export_recipe,
    "retire": retire_recipe,
    "report": report_recipe,
    "figure": figure_recipe,
}
"""The function of each stage that needs no wildcard."""
