"""Files of problems, looked at before the first job: enough rows for a round, and the columns that are named."""

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from plan_table import DEMO, job
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.layout import record_file
from scope.artifacts.schemas.found import FOUND
from scope.config.experiment import merge
from scope.planning import all_rows, inputs, sources
from scope.planning.peek import columns_of, count_rows, row_bytes
from scope.planning.plan import make_plan
from scope.planning.take import take
from scope.prompts.hub import row_files
from scope.prompts.read import read_rows
from scope.prompts.rows import RowsSettings

ROWS = [{"problem": f"{number} + 1?", "answer": str(number + 1)} for number in range(8)]
ROUND = {"steps_per_round": 2, "prompts_per_step": 4}


def write(path, rows=ROWS):
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows), encoding="utf-8-sig")
    return path


def plan_on(train, benchmark=None, update=ROUND, **settings):
    data = {"puzzle": None, "train": train, "benchmarks": {"held": benchmark or {"path": train["path"]}}}
    return make_plan(merge(DEMO, {"data": data, "update": update, **settings}))


def check(*arguments, **settings):
    """What planning looks at where all files are read."""
    plan = plan_on(*arguments, **settings)
    sources.check_source(plan, "prompts", job())
    sources.check_source(plan, "problems", job(benchmark="held"))
    for model in ("student", "teacher"):
        inputs.model_tokenizer(plan, job(model=model))


def dag(*jobs):
    """Snakemake's plan of jobs, given the rule of each and its output."""
    made = [SimpleNamespace(rule=SimpleNamespace(name=rule), output=[output]) for rule, output in jobs]
    return SimpleNamespace(needrun_jobs=lambda: made)


@pytest.fixture(params=["parquet", "jsonl"])
def rows(request, tmp_path):
    return {"path": str(write(tmp_path / f"rows.{request.param}"))}


def test_a_file_with_as_many_rows_as_a_round_takes_is_enough(rows):
    check(rows)


def test_a_round_of_more_prompts_than_rows_is_refused(rows):
    with refused("too-few-prompts", "data.train", rows["path"], "8 rows", "takes 256", "update.prompts_per_step"):
        check(rows, update={"steps_per_round": 1, "prompts_per_step": 256})


def test_a_limit_below_a_round_is_refused(rows):
    with refused("too-few-prompts", "data.train.limit", "7 rows", "takes 8"):
        check({**rows, "limit": 7})


def test_the_arm_that_takes_most_decides(rows):
    variants = {"large": {"update": {"prompts_per_step": 5}}}
    with refused("too-few-prompts", "takes 10"):
        check(rows, variants=variants, arms=["scope", "large"])
    check(rows, variants=variants, arms=["scope"])


def test_rounds_repeat_prompts_and_benchmarks_need_one_row_only(rows, tmp_path):
    check(rows, {"path": str(write(tmp_path / "one.jsonl", ROWS[:1]))}, rounds=100)


def test_rows_that_are_left_out_are_not_counted_while_planning(rows):
    check({**rows, "where": {"answer": "1"}})
    with refused("no-rows", "data.train: ", rows["path"]):
        check({**rows, "where": {"answer": "none"}}, rows)


@pytest.mark.parametrize(
    ("key", "cell", "code"),
    [("answer", None, "missing-value"), ("problem", " ", "missing-value"), ("answer", {"a": 1}, "invalid-value")],
)
def test_a_wrong_row_far_down_is_refused_while_planning(rows, tmp_path, key, cell, code):
    many = ROWS * 100
    wrong = write(tmp_path / "wrong.jsonl", [*many[:700], {**ROWS[0], key: cell}, *many[701:]])
    with refused(code, f"data.train: {wrong}: row 700: ", key):
        check({"path": str(wrong)}, rows)
    with refused(code, f"data.benchmarks.held: {wrong}: row 700: "):
        check(rows, {"path": str(wrong)})
    solved = {"path": str(wrong), "solution": "answer"}
    sft = {"rows": solved, "steps": 1, "batch": 64, "learning_rate": 1e-3}
    with refused(code, f"models.student.sft.rows: {wrong}: row 700: "):
        check(rows, models={"student": {"sft": sft}})


def test_rows_of_large_files_and_rows_that_were_checked_before_are_not_read(rows, tmp_path, monkeypatch):
    wrong = str(write(tmp_path / "wrong.jsonl", [*ROWS, {**ROWS[0], "answer": None}]))
    monkeypatch.chdir(tmp_path)
    with refused("missing-value"):
        check({"path": wrong}, rows)
    plan = plan_on({"path": wrong}, rows)
    record = record_file(plan.layout.shared.found_in_training)
    parquet.write(record, FOUND, [], recipe=plan.recipe("check_rows"))
    check({"path": wrong}, rows)
    Path(record).unlink()
    monkeypatch.setattr(all_rows, "LARGEST", 100)
    check({"path": wrong}, rows)


def test_the_size_of_a_parquet_file_is_that_without_compression(tmp_path):
    problems = [f"{number:04}" + "x" * 996 for number in range(1000)]
    pl.DataFrame({"problem": problems}).write_parquet(tmp_path / "rows.parquet")
    assert (tmp_path / "rows.parquet").stat().st_size < 100_000 < 1_000_000 < row_bytes(str(tmp_path / "rows.parquet"))


def test_an_empty_file_is_refused(rows, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with refused("no-rows", "data.benchmarks.held", str(empty)):
        check(rows, {"path": str(empty)})
    pl.DataFrame(schema={"problem": pl.String, "answer": pl.String}).write_parquet(tmp_path / "empty.parquet")
    with refused("no-rows", "data.benchmarks.held", "empty.parquet"):
        check(rows, {"path": str(tmp_path / "empty.parquet")})


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({"problem": "problm"}, "problem"),
        ({"answer": "anwser"}, "answer"),
        ({"tolerance": "error"}, "tolerance"),
        ({"where": {"level": 5}}, "where.level"),
        ({"between": {"date": ["a", "b"]}}, "between.date"),
        ({"domain": "code", "tests": "taco"}, "tests: taco"),
        ({"domain": "code", "tests": "mbpp"}, "tests: mbpp"),
    ],
)
def test_a_column_that_the_file_lacks_is_refused_as_its_stage_refuses_it(rows, setting, key):
    train = {**rows, **setting}
    with refused("missing-column", f"data.train.{key}", rows["path"], "problem, answer"):
        check(train)
    with refused("missing-column", f"data.benchmarks.held.{key}", rows["path"]):
        check(rows, train)
    section = plan_on(train).config.data.train
    with refused("missing-column"):
        read_rows(row_files(section), take(RowsSettings, section, content=[]))


def test_a_misspelled_column_comes_with_the_one_that_was_meant(rows):
    with refused("missing-column", "'anwser'; did you mean `answer`?"):
        check({**rows, "answer": "anwser"})


def test_solutions_of_fine_tuning_are_looked_at_too(rows):
    sft = {"rows": {**rows, "solution": "proof"}, "steps": 1, "batch": 64, "learning_rate": 1e-3}
    with refused("missing-column", "models.student.sft.rows.solution", "'proof'", "problem, answer"):
        check(rows, models={"student": {"sft": sft}})


def test_a_column_that_begins_late_is_found(tmp_path):
    late = write(tmp_path / "late.jsonl", [{"problem": row["problem"]} for row in ROWS] + ROWS)
    assert columns_of(str(late), ["answer"]) == ["problem", "answer"]
    with refused("missing-value", "row 0: it has no 'answer'"):
        check({"path": str(late)})


def test_long_or_damaged_json_lines_are_left_to_the_stage(tmp_path, monkeypatch):
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text('{"problem": 1}\nnot json\n')
    assert columns_of(str(damaged), ["answer"]) is None
    whole = write(tmp_path / "rows.jsonl")
    monkeypatch.setattr("scope.planning.peek.LARGEST", 10)
    assert columns_of(str(whole), ["none"]) is None
    assert count_rows(str(whole), 3) == 3


@pytest.mark.parametrize(("name", "code"), [("rows.csv", "unknown-format"), ("rows.parquet", "unreadable-file")])
def test_a_file_that_no_stage_can_read_is_refused(tmp_path, rows, name, code):
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / name
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with refused(code, str(path)):
        check({"path": str(path)}, rows)


def test_training_rows_are_looked_at_only_where_they_are_read(rows):
    plan = plan_on({**rows, "problem": "none"}, rows)
    sources.check_source(plan, "problems", job(benchmark="held"))
    sources.check_source(plan, "evaluate", job(benchmark="held"))


def test_files_that_do_not_exist_are_reported_elsewhere(rows, tmp_path):
    check({"path": str(tmp_path / "none.parquet")}, rows)


def test_prompts_of_an_earlier_run_are_counted_where_no_job_makes_them_again(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_on(rows)
    made = tmp_path / plan.layout.shared.prompts
    made.parent.mkdir(parents=True)
    write(made, ROWS[:7])
    rollout, other = ("rollout_shared", "x"), ("model", plan.layout.shared.model("teacher"))
    with refused("too-few-prompts", plan.layout.shared.prompts, "7 prompts", "takes 8"):
        sources.check_made_prompts(plan, dag(rollout, other))
    sources.check_made_prompts(plan, dag(other))
    for path in (plan.layout.shared.prompts, plan.layout.shared.found_in_training, plan.layout.shared.model("student")):
        sources.check_made_prompts(plan, dag(rollout, ("any", path)))
    write(made, ROWS)
    sources.check_made_prompts(plan, dag(rollout))
