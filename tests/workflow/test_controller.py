"""One controller per folder: a second one is refused, the run of a killed one is resumed."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from refusals import refused
from scope.run import controller, leftovers, lock
from scope.slurm import jobs
from scope.slurm.commands import Answer


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/slow.py").write_text("import time\ntime.sleep(60)\n")
    (tmp_path / "Snakefile").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from scope.run.lock import acquire_lock, release_lock\n"
        "onstart:\n    acquire_lock()\n\nonsuccess:\n    release_lock()\n\n"
        'rule all:\n    input: "out.txt"\n\n'
        'rule slow:\n    output: "out.txt"\n'
        f'    shell: "test -e ready || (touch started; {sys.executable} scripts/slow.py); touch {{output}}"\n'
    )
    yield tmp_path
    for process in leftovers.leftover_processes(tmp_path):
        process.kill()


def start(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "started").exists() and controller_jobs(folder):
            return process
        time.sleep(0.1)
    raise AssertionError("the workflow did not start")


def controller_jobs(folder):
    return [p for p in leftovers.processes_in(folder) if "scripts/slow.py" in leftovers.command(p)]


def test_a_live_controller_is_not_disturbed(folder):
    process = start(folder)
    assert leftovers.leftover_processes(folder) == []
    with refused("active-run", folder, f"process {process.pid}"):
        controller.run_snakemake(folder, ["--cores", "1"])
    assert process.poll() is None
    process.terminate()
    for job in controller_jobs(folder):
        job.kill()
    process.wait(30)


def test_a_killed_run_is_resumed(folder):
    process = start(folder)
    os.kill(process.pid, 9)
    process.wait()
    (leftover,) = leftovers.leftover_processes(folder)
    assert list(folder.glob(".snakemake/locks/*"))
    (folder / "ready").touch()
    assert controller.run_snakemake(folder, ["--cores", "1", "--rerun-incomplete"]) == 0
    assert not leftover.is_running()
    assert (folder / "out.txt").exists()
    assert not list(folder.glob(".snakemake/locks/*"))


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (
            '{"host": "login7", "process": 12, "since": "2026-01-02 03:04:05"}',
            ["process 12 on login7 since 2026-01-02 03:04:05"],
        ),
        (None, ["unknown run", "any machine"]),
    ],
)
def test_a_lock_that_may_be_another_machines_is_left_alone(folder, record, names):
    process = start(folder)
    os.kill(process.pid, 9)
    process.wait()
    (leftover,) = leftovers.leftover_processes(folder)
    if record:
        (folder / ".snakemake/controller.json").write_text(record)
    else:
        (folder / ".snakemake/controller.json").unlink()
    with refused("locked-folder", folder, *names, "`snakemake --unlock`"):
        controller.run_snakemake(folder, ["--cores", "1"])
    assert leftover.is_running()
    assert list(folder.glob(".snakemake/locks/*"))


def test_plain_snakemake_refuses_a_second_controller_and_a_stale_lock(folder):
    second = [sys.executable, "-m", "snakemake", "--cores", "1"]
    process = start(folder)
    refused = subprocess.run(second, cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "Directory cannot be locked" in refused.stderr
    os.kill(process.pid, 9)
    process.wait()
    stale = subprocess.run(second, cwd=folder, capture_output=True, text=True)
    assert stale.returncode == 1
    assert "--unlock" in stale.stderr


@pytest.mark.parametrize(("words", "runs"), [(["--dry-run"], False), (["-n"], False), (["--cores", "1"], True)])
def test_a_dry_run_is_no_controller(folder, words, runs):
    """`make why` in another terminal stops no start."""
    (folder / "snakemake").write_text("import time\ntime.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "snakemake", *words], cwd=folder)
    try:
        assert bool(leftovers.controllers(folder)) == runs
    finally:
        process.kill()
        process.wait()


def test_two_starts_at_once_give_one_controller(folder):
    (folder / ".snakemake").mkdir()
    with open(folder / ".snakemake/controller.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with refused("active-run", folder):
            controller.run_snakemake(folder, ["--cores", "1"])


def test_snakemakes_status_is_passed_on(folder):
    shutil.copy(ROOT / "LICENSE", folder / "ready")
    (folder / "Snakefile").write_text('rule all:\n    shell: "exit 3"\n')
    assert controller.run_snakemake(folder, ["--cores", "1"]) == 1


def test_a_job_started_by_hand_is_left_alone(folder):
    by_hand = subprocess.Popen([sys.executable, "scripts/slow.py"], cwd=folder)
    (folder / "ready").touch()
    assert controller.run_snakemake(folder, ["--cores", "1"]) == 0
    assert by_hand.poll() is None
    by_hand.kill()
    by_hand.wait()


def test_the_errors_of_failed_stages_are_printed_at_the_end(folder):
    (folder / "Snakefile").write_text(
        'rule all:\n    output: "x"\n    log: "results/logs/stage.log"\n'
        '    shell: "echo error: row 3 is empty > {log}; exit 2"\n'
    )
    before = time.time()
    assert controller.run_snakemake(folder, ["--cores", "1"]) == 1
    assert controller.stage_errors(folder, before - 1) == ["results/logs/stage.log: error: row 3 is empty"]
    assert controller.stage_errors(folder, time.time() + 1) == []


def test_logs_that_cannot_be_read_hide_no_error(folder, monkeypatch):
    logs = folder / "results/logs"
    logs.mkdir(parents=True)
    (logs / "stage.log").write_text("error: row 3 is empty\n")
    (logs / "away.log").symlink_to(logs / "gone")
    (logs / "folder.log").mkdir()
    os.mkfifo(logs / "pipe.log")
    (logs / "foreign.log").write_text("error: theirs\n")
    read = Path.read_text

    def read_text(self, **options):
        if self.name == "foreign.log":
            raise PermissionError(13, "Permission denied")
        return read(self, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert controller.stage_errors(folder, 0) == ["results/logs/stage.log: error: row 3 is empty"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_runs_with_one_line(folder, number, monkeypatch, capfd):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    (folder / "ready").touch()
    monkeypatch.setattr(fcntl, "flock", flock)
    assert controller.run_snakemake(folder, ["--cores", "1", "-n", "--quiet"]) == 0
    assert capfd.readouterr().err.count("run: this file system has no file locks") == 1


def test_another_failure_of_the_lock_is_not_hidden(folder, monkeypatch):
    def flock(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output"):
        controller.run_snakemake(folder, ["--cores", "1"])


@pytest.mark.parametrize(
    ("job", "queued", "gone"),
    [(None, [], False), ("7", ["7"], False), ("7", ["8"], True)],
    ids=["no job: unknown", "its job runs", "its job is over"],
)
def test_a_controller_of_another_machine_is_gone_with_its_slurm_job(monkeypatch, job, queued, gone):
    monkeypatch.setattr(lock, "is_queued", lambda number: number in queued)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert lock.LockOwner("node7", 12, "2026-01-02 03:04:05", job).is_gone() is gone


def test_a_requeued_slurm_job_resumes_in_its_own_folder(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert lock.LockOwner("node7", 12, "2026-01-02 03:04:05", "7").is_gone()


def test_a_run_that_may_live_elsewhere_stops_this_one_and_names_what_to_delete(tmp_path):
    record = {"host": "login7", "process": 12, "since": "2026-01-02 03:04:05", "job": None}
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / lock.RECORD).write_text(json.dumps(record))
    with refused("active-run", "process 12 on login7", "delete .snakemake/controller.json"):
        lock.acquire_lock(tmp_path)
    (tmp_path / lock.RECORD).unlink()
    lock.acquire_lock(tmp_path)
    assert lock.lock_owner(tmp_path).process == os.getpid()


def test_slurm_that_does_not_answer_stops_a_run_rather_than_risk_two_writers(monkeypatch):
    silent = Answer(1, "", "slurm_load_jobs error: Unable to contact slurm controller")
    monkeypatch.setattr(jobs, "_squeue", lambda *options, patience_s=0: silent)
    monkeypatch.setattr(jobs, "has_json", lambda: False)
    with refused("slurm-unavailable", "Unable to contact"):
        jobs.submitted_jobs(ROOT)
