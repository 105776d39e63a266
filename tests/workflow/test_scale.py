"""Planning of long chains and many arms; docs/scale.md has the figures."""

import pytest
import yaml

from conftest import BIN, run
from measure_planning import measure, table, write_config


@pytest.mark.slow
def test_a_chain_of_hundreds_of_rounds_is_planned_whole_and_by_its_last_file(tmp_path):
    config = write_config(tmp_path, 600, 1)
    whole = run(BIN / "snakemake", "-n", "--configfile", config).stdout
    assert "total" in whole
    assert whole.count("rule update:") == 600
    last = run(BIN / "snakemake", "-n", "results/planning/v0/seed0/round600/metrics.parquet", "--configfile", config)
    assert last.stdout.count("rule update:") == 600


@pytest.mark.slow
def test_planning_costs_little_more_than_bare_snakemake():
    """A guard against planning by the job what can be planned by the arm; docs/scale.md has the figures."""
    row = measure(50, 8, repeat=2)
    assert row["jobs"] == 2000
    assert row["ratio"] < 2
    assert table([row]).count("\n") == 2


def test_a_grid_of_hundreds_of_arms_is_planned(tmp_path):
    config = write_config(tmp_path, 1, 1)
    raw = yaml.safe_load(config.read_text())
    del raw["arms"]
    taus = {"key": "objective.tau", "values": [round(0.1 * i, 1) for i in range(1, 21)]}
    rates = {"key": "update.learning_rate", "values": [i * 1e-5 for i in range(1, 21)]}
    raw["grid"] = {"variants": ["v0"], "axes": {"tau": taus, "lr": rates}}
    config.write_text(yaml.safe_dump(raw))
    planned = run(BIN / "snakemake", "-n", "--configfile", config)
    assert planned.stdout.count("rule weigh:") == 400
    assert planned.stdout.count("rule rollout_shared:") == 1
