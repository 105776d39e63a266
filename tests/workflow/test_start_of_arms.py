"""An arm that starts from another arm's policy, from models to the report."""

import sys

import pytest
import yaml

from conftest import run
from flows import checkout, snakemake, would_run
from scope.artifacts.folder import read_manifest
from scope.planning import retention

pytestmark = [pytest.mark.real, pytest.mark.slow]

RESULTS = "results/retention"
START = {
    "rounds": 2,
    "arms": ["after", "scope"],
    "variants": {"after": {"start": {"arm": "scope", "round": 1}, "update": {"learning_rate": 3e-4}}},
    "retention": {"keep_policies_every": 0, "keep_states_every": 0},
    "evaluation": {"every": 1},
}
FASTER = {"variants": {"scope": {"update": {"learning_rate": 2e-3}}}}


def test_an_arm_trains_on_from_the_policy_that_another_arm_made(tmp_path):
    folder = checkout(tmp_path)
    for name, settings in (("start", START), ("faster", FASTER)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    world = ("--configfile", "tests/configs/smallest.yaml", "tests/configs/retention.yaml", "start.yaml")
    snakemake(folder, *world)
    first, own = (f"{RESULTS}/{arm}/seed0/round1/policy/manifest.json" for arm in ("scope", "after"))
    assert first in read_manifest(folder / own)["inputs"]
    assert retention.is_there(folder / first)
    assert not retention.is_there(folder / own)
    assert would_run(folder, *world) == {}
    checked = run(sys.executable, "scripts/verify_results.py", RESULTS, cwd=folder)
    assert "all as recorded" in checked.stdout
    snakemake(folder, *world, "--", f"{RESULTS}/after/seed0/round1/restored/policy/manifest.json")
    assert "bit by bit" in (folder / f"{RESULTS}/after/seed0/round1/logs/restore.log").read_text()
    assert would_run(folder, *world, "faster.yaml")["update"] == 4, "both rounds of both arms"
