"""W&B, the real package: where it cannot work, training goes on, one line says why, and nothing is left behind."""

import os
import subprocess
import sys
import time

import pytest

from conftest import ROOT

pytestmark = pytest.mark.real
PROGRAM = f"""
import json, os, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "scripts")!r})
from scope.artifacts.partial import Unfinished
from scope.update import wandb_run
from scope.update.tracking import Tracker
wandb_run.START_S = wandb_run.FINISH_S = 3.0
here = Path(sys.argv[1])
(here / "work").mkdir()
tracker = Tracker(here / "live.jsonl", Unfinished(here / "work", "", ""), run="e/a/seed0", folder=here, config={{}})
tracker.log({{"step": 1, "loss": 0.5}})
tracker.close()
os._exit(0)  # as an update ends
"""
NO_KEY = {"WANDB_MODE": "online", "WANDB_API_KEY": ""}
NO_NETWORK = {"WANDB_MODE": "online", "WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
OFFLINE = {"WANDB_MODE": "offline"}


def track(folder, **environment):
    for name in ("tmp", "home"):
        (folder / name).mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    variables = {**kept, "TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home"), **environment}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env=variables, capture_output=True, text=True, timeout=90
    )


@pytest.mark.parametrize(
    ("environment", "why"), [(NO_KEY, "No API key configured"), (NO_NETWORK, "127.0.0.1:9")], ids=["key", "network"]
)
def test_training_goes_on_without(environment, why, tmp_path):
    begun = time.monotonic()
    done = track(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 30
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("W&B")]
    assert line.startswith("W&B does not track this round: ")
    assert why in line
    assert "Traceback" not in done.stderr
    assert (tmp_path / "live.jsonl").read_text() == '{"step": 1, "loss": 0.5}\n'
    assert not (tmp_path / "work/tracked").exists(), "a later attempt may send the step"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("home", [None, "/proc/none"])
def test_offline_needs_no_home_and_leaves_no_temporary_folder(home, tmp_path):
    done = track(tmp_path, **OFFLINE, **({"HOME": home} if home else {}))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "work/tracked").read_text() == "1"
    assert list((tmp_path / "wandb").glob("offline-run-*"))
    assert list((tmp_path / "tmp").iterdir()) == []
