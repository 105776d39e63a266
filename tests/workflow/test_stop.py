"""Ctrl-C and SIGTERM: one line, soon over, and the same command resumes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from flows import processes_in
from scope.run import controller

pytestmark = pytest.mark.real
SNAKEFILE = f"""
rule all:
    input: "out.txt"

rule slow:
    output: "out.txt"
    log: "results/slow.log"
    shell: "test -e ready || {sys.executable} scripts/slow.py &> {{log}}; touch {{output}}"
"""
STAGE = f"""
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT / "scripts")!r})
from scope import cli

def main():
    if Path("deaf").exists():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("started").touch()
    try:
        time.sleep(60)
    finally:
        Path("saved").touch()

cli.run(main)
"""
RUN = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from pathlib import Path
from scope import cli
from scope.run.controller import run_snakemake
cli.run(lambda: sys.exit(run_snakemake(Path("."), ["--cores", "1", *sys.argv[1:]])))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/slow.py").write_text(STAGE)
    (tmp_path / "run.py").write_text(RUN)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    yield tmp_path
    for pid in processes_in(tmp_path):
        os.kill(pid, signal.SIGKILL)


def start(folder, **environment):
    process = subprocess.Popen(
        [sys.executable, "run.py"],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    for _ in range(600):
        if (folder / "started").exists():
            time.sleep(0.3)
            return process
        time.sleep(0.1)
    raise AssertionError("the workflow did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the controller", "to all"])
def test_a_signal_ends_a_run_with_one_line(number, send, folder):
    process = start(folder)
    begun = time.monotonic()
    send(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert process.returncode == 128 + number
    after = re.split(r"resources: tmpdir=.*\n", output)[-1].splitlines()
    what = "interrupted" if number == signal.SIGINT else "terminated, with the stages that ran"
    assert after == [f"{what}; run the same command to resume"]
    assert processes_in(folder) == []
    if number == signal.SIGINT or send == os.kill:
        assert (folder / "results/slow.log").read_text() == "interrupted\n"
        assert (folder / "saved").exists()
    (folder / "ready").touch()
    assert controller.run_snakemake(folder, ["--cores", "1", "--rerun-incomplete"]) == 0


def test_a_stage_that_does_not_end_is_killed_in_time(folder):
    (folder / "deaf").touch()
    process = start(folder)
    begun = time.monotonic()
    process.terminate()
    process.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert process.returncode == 143
    assert processes_in(folder) == []


def test_in_an_allocation_sigterm_lets_stages_finish(folder):
    """scripts/allocate.py leaves them so much time."""
    process = start(folder, SCOPE_ALLOCATION="7")
    process.terminate()
    time.sleep(4)
    assert process.poll() is None
    assert any("scripts/slow.py" in Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_in(folder))


def test_jobs_of_a_cluster_are_snakemakes_to_end(monkeypatch):
    monkeypatch.delenv("SCOPE_ALLOCATION", raising=False)
    assert not controller.drains(["--cores", "1"])
    assert controller.drains(["--executor", "slurm", "--jobs", "1"])
    monkeypatch.setenv("SCOPE_ALLOCATION", "7")
    assert controller.drains(["--cores", "1"])


def test_messages_of_a_run_pass_through(folder, capfd):
    (folder / "ready").touch()
    assert controller.run_snakemake(folder, ["--cores", "1"]) == 0
    shown = capfd.readouterr().err
    assert "rule slow" in shown
    assert shown.rstrip().splitlines()[-1].startswith("Elapsed time")
