"""The overhead of a cluster, from the records that a run leaves."""

import pytest

from measure_overhead import STEP_S, model_table, read_run, round_overhead, stages_table
from refusals import refused

LOG = """Building DAG of jobs...
[Sat Nov 21 08:00:00 2026]
rule rollout:
    input: prompts.parquet
    log: results/e/rollout.0.log
    jobid: 4
    benchmark: results/e/timings/rollout.0.tsv
[Sat Nov 21 08:00:01 2026]
localrule weigh:
    log: results/e/weigh.log
    jobid: 5
    benchmark: results/e/timings/weigh.tsv
[Sat Nov 21 08:00:03 2026]
Finished jobid: 5 (Rule: weigh)
[Sat Nov 21 08:00:20 2026]
Finished jobid: 4 (Rule: rollout)
[Sat Nov 21 08:00:21 2026]
rule update:
    log: results/e/update.log
    jobid: 6
    benchmark: results/e/timings/update.tsv
"""


@pytest.fixture
def finished(tmp_path):
    files = {
        ".snakemake/log/1.log": LOG,
        "results/e/timings/rollout.0.tsv": "s\th:m:s\n15.0\t0:00:15\n",
        "results/e/timings/weigh.tsv": "s\th:m:s\n1.5\t0:00:01\n",
        "results/e/rollout.0.log": "loading\nready: 6.0 s after the start\nready: 9.0 s after the start\n",
        "results/e/weigh.log": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return read_run(tmp_path)


def test_a_job_is_cut_into_what_lies_around_its_command_its_start_and_its_work(finished):
    assert finished == {"weigh": [(2.0, 1.5, 0.0)], "rollout": [(20.0, 15.0, 6.0)]}
    assert "| rollout | a | 1 | 5.0 | 6.0 | 9.0 | 11.0 |" in stages_table({"a": finished})


def test_a_rounds_share_of_overhead_is_over_overhead_and_work(finished):
    assert round_overhead(finished) == pytest.approx(5.0 + 6.0 + 0.5)
    shares = [11.5 / (11.5 + steps * STEP_S) for steps in (1, 2, 4, 8)]
    row = " | ".join(f"{share:.1%}" for share in shares)
    assert f"| a | 11.5 s | {row} |" in model_table({"a": finished})


def test_a_folder_without_a_run_is_named(tmp_path):
    with refused("no-log", tmp_path):
        read_run(tmp_path)
