"""Whether the files of problems have the rows and columns that the configuration asks for, as far as planning can know.

Rows of large files, and what only comparing rows shows, such as duplicates, are left to the stages.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from scope.artifacts.layout import record_file
from scope.config.data import ProblemFile, Rows, Solutions
from scope.config.experiment import Config
from scope.config.read import nearest
from scope.errors import InputError
from scope.planning.all_rows import check_all_rows
from scope.planning.files import Files
from scope.planning.plan import Plan
from scope.prompts.enough import check_enough
from scope.prompts.hub import row_files
from scope.verify.code.tests import COLUMNS

SUFFIXES = (".parquet", ".jsonl")
TAKE_PROMPTS = {"rollout", "rollout_shared"}
"""Rules whose jobs take the prompts of a round."""


def prompts_per_round(arms: Mapping[str, Config]) -> int:
    """The most prompts that a round of any arm takes."""
    return max(config.update.steps_per_round * config.update.prompts_per_step for config in arms.values())


def check_source(plan: Plan, rule: str, job: Any) -> None:
    """Raise InputError that names key and file where rows that `prompts` or `problems` reads are few, lack a column, or
    cannot be read.

    Files that do not exist are reported where their paths are planned.
    """
    data, shared = plan.config.data, plan.layout.shared
    if rule == "prompts" and data.train:
        found = record_file(shared.found_in_training), plan.recipe("check_rows")
        _check(plan, "data.train", data.train, prompts_per_round(plan.arms), *found)
    if rule == "problems" and job.benchmark in data.benchmarks:
        name = job.benchmark
        found = record_file(shared.found_in(name)), plan.recipe("check_problems", benchmark=name)
        _check(plan, f"data.benchmarks.{name}", data.benchmarks[name], 1, *found)


def check_solutions(plan: Plan, model: str) -> None:
    """Raise InputError where the file of worked solutions of a model lacks a column or rows, or has a wrong row."""
    sft = getattr(plan.config.models, model).sft
    if sft and sft.rows:
        made = plan.layout.shared.model(model), plan.recipe("model", model=model)
        _check(plan, f"models.{model}.sft.rows", sft.rows, 1, *made)


def check_made_prompts(plan: Plan, dag: Any) -> None:
    """Raise InputError where prompts that no job of Snakemake's plan makes again are fewer than its rollouts take."""
    shared, jobs = plan.layout.shared, list(dag.needrun_jobs())
    decide = {shared.prompts, shared.found_in_training, shared.model("student"), shared.tokenizer}
    change = any(decide & set(job.output) for job in jobs)
    if any(job.rule.name in TAKE_PROMPTS for job in jobs) and not change and plan.files.exists(shared.prompts):
        needed = prompts_per_round(plan.arms)
        number = plan.files.rows(shared.prompts, needed)
        check_enough(number, needed, shared.prompts, f"it has {number} prompts")


def _check(plan: Plan, key: str, rows: ProblemFile, needed: int, made: str, recipe: str) -> None:
    paths = row_files(rows)
    there = [path for path in paths if plan.files.exists(path)]
    _check_formats(key, there)
    if there == paths:
        _check_rows(key, rows, paths, needed, plan.files)
    for path in there:
        _check_columns(key, rows, path, plan.files)
    if there == paths:
        check_all_rows(plan, key, rows, paths, made, recipe)


def _check_formats(key: str, paths: list[str]) -> None:
    for path in paths:
        if not path.endswith(SUFFIXES):
            raise InputError(f"{key}.path: {path}: give a .parquet or .jsonl file of problems", "unknown-format")


def _check_columns(key: str, rows: ProblemFile, path: str, files: Files) -> None:
    named = dict(_named_columns(rows))
    columns = files.columns(path, named)
    if columns is None:
        return
    for column, setting in named.items():
        if column not in columns:
            raise InputError(
                f"{key}.{setting}: {path} has no column {column!r}{nearest(column, columns)}; "
                f"its columns: {', '.join(columns) or 'none'}",
                "missing-column",
            )


def _named_columns(rows: ProblemFile) -> Iterator[tuple[str, str]]:
    """Each column that a section reads, and the setting that names it."""
    for column in rows.between:
        yield column, f"between.{column}"
    for column in rows.where:
        yield column, f"where.{column}"
    if isinstance(rows, Rows) and rows.tests:
        for column in COLUMNS[rows.tests]:
            yield column, f"tests: {rows.tests}"
    elif isinstance(rows, Rows):
        yield rows.answer, "answer"
        if rows.tolerance:
            yield rows.tolerance, "tolerance"
    elif isinstance(rows, Solutions):
        yield rows.solution, "solution"
    yield rows.problem, "problem"


def _check_rows(key: str, rows: ProblemFile, paths: list[str], needed: int, files: Files) -> None:
    number = sum(files.rows(path, needed) for path in paths)
    where = f"{key}: {', '.join(paths)}"
    if number == 0:
        raise InputError(f"{where}: no rows; write problems into it, or name another file", "no-rows")
    check_enough(number, needed, where, f"{'it has' if len(paths) == 1 else 'they have'} {number} rows")
    if rows.limit is not None:
        check_enough(rows.limit, needed, f"{key}.limit", f"it allows {rows.limit} rows")
