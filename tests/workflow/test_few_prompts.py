"""Too few prompts for a round stop a run before sampling: in a dry run, in the stage `prompts`, or at its start."""

import json

import pytest

from flows import checkout, snakemake, would_run

pytestmark = pytest.mark.real
MATH = ("--configfile", "tests/configs/smallest.yaml", "tests/configs/math.yaml")
PROMPTS = "results/math/shared/prompts/train.parquet"
HALF = "data={train: {where: {level: 1}}}"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("few"))
    (folder / "rows").mkdir()
    rows = [{"problem": f"What is {i} + {i}?", "answer": str(2 * i), "level": i % 2} for i in range(12)]
    for name, chosen in (("train", rows[:8]), ("held_out", rows[8:])):
        (folder / f"rows/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return folder


def per_step(number):
    return f"update={{prompts_per_step: {number}}}"


def test_a_dry_run_refuses_more_prompts_per_round_than_rows(project):
    output = snakemake(project, "-n", *MATH, "--config", per_step(256), check=False)
    assert "data.train: rows/train.jsonl: it has 8 rows, but a round takes 256 prompts" in output


@pytest.mark.slow
def test_the_stage_refuses_what_a_filter_leaves_and_a_start_refuses_what_it_left(project):
    output = snakemake(project, *MATH, "--config", HALF, per_step(5), "--", PROMPTS, check=False)
    assert "rows/train.jsonl: 4 prompts are left of 4 rows" in output
    assert not (project / PROMPTS).exists()
    snakemake(project, *MATH, "--config", HALF, per_step(4), "--", PROMPTS)
    output = snakemake(project, *MATH, "--config", HALF, per_step(5), check=False)
    assert f"{PROMPTS}: it has 4 prompts, but a round takes 5 prompts" in output
    assert not list((project / "results/math").rglob("rollout*.parquet"))
    assert would_run(project, *MATH, "--config", HALF, per_step(2), "--", PROMPTS) == {}


def test_rows_that_were_spoiled_after_prompts_and_models_were_made_stop_a_dry_run(project):
    """Snakemake itself would keep the old files: it ignores an error of planning where the output exists."""
    snakemake(project, *MATH, "--config", HALF, per_step(4), "--", PROMPTS)
    rows = project / "rows/train.jsonl"
    whole = rows.read_text()
    rows.write_text(whole.replace('"answer": "10"', '"answer": ""'))
    output = snakemake(project, "-n", *MATH, "--config", HALF, per_step(4), check=False)
    assert "error: data.train: rows/train.jsonl: row 5: 'answer' is empty" in output
    assert "Job stats" not in output
    rows.write_text(whole)
    assert "Job stats" in snakemake(project, "-n", *MATH, "--config", HALF, per_step(4))
    (project / "rows/solved.jsonl").write_text('{"problem": "1?", "solution": ""}\n')
    sft = "{steps: 1, batch: 1, learning_rate: 0.1, rows: {path: rows/solved.jsonl}}"
    solved = f"models={{student: {{sft: {sft}}}}}"
    output = snakemake(project, "-n", *MATH, "--config", HALF, per_step(4), solved, check=False)
    assert "error: models.student.sft.rows: rows/solved.jsonl: row 0: 'solution' is empty" in output
