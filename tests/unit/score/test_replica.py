"""A replica with a real vLLM server: its record stands for real scores, whatever happens to it."""

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from conftest import BIN, ROOT, run
from scope.artifacts.digests import file_digest
from scope.models.pair import Pair
from scope.score.api_key import KEY_VARIABLE
from scope.score.client import Server, Unavailable
from scope.score.connection import VARIABLE
from scope.score.open import open_teacher
from scope.score.service.registry import read_records
from scope.score.settings import Servers
from served_teacher import Experiment
from virtual_cluster import free_ports

LONG = Pair([3 + i % 12 for i in range(900)], [5, 7])


@pytest.fixture
def experiment(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return Experiment(tmp_path, tiny["teacher"])


def commands():
    """Command line of every process."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.append((place / "cmdline").read_bytes().decode(errors="replace"))
    return found


def servers_of(replica):
    """Processes below a replica, and those of their process groups."""
    import psutil

    below = psutil.Process(replica.pid).children(recursive=True)
    assert below
    return below


def all_gone(processes):
    import psutil

    _, alive = psutil.wait_procs(processes, 5)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.real
@pytest.mark.slow
def test_a_replica_stands_for_real_scores_and_drains_on_sigterm(experiment, tiny, monkeypatch):
    replica = experiment.start()
    record = experiment.wait_for_record(replica)
    server = Server(record.url, "tiny", key=experiment.key, timeout_s=30)
    right = server.score(LONG)
    assert record.manifest == file_digest(tiny["teacher"])
    assert record.url.startswith("http://127.0.0.1:")
    status = run("python", ROOT / "scripts/teacher_service.py", "status", *experiment.files, cwd=experiment.folder)
    assert record.url in status.stdout
    where = run("python", ROOT / "scripts/teacher_service.py", "where", *experiment.files, cwd=experiment.folder)
    monkeypatch.chdir(experiment.folder)
    monkeypatch.setenv(VARIABLE, where.stdout.split("=", 1)[1].strip().strip("'"))
    settings = Servers(backend="managed", model="tiny")
    (scored,) = open_teacher(settings, experiment.manifest, dtype="float32", temperature=1.0).score([LONG])
    assert scored == pytest.approx(right, abs=1e-4)
    beat = record.beat
    time.sleep(3)
    assert read_records(experiment.records)[0].beat > beat

    processes, shown, left = servers_of(replica), commands(), None
    with ThreadPoolExecutor(64) as pool:
        asked = [pool.submit(server.score, LONG) for _ in range(64)]
        while not any(future.done() for future in asked):
            time.sleep(0.001)
        waiting = sum(not future.done() for future in asked)
        replica.send_signal(signal.SIGTERM)
        while read_records(experiment.records):
            time.sleep(0.005)
        left = sum(not future.done() for future in asked)
        answers = [future.result() for future in asked]
    assert waiting > 30
    assert left > 0, "the record goes before the requests are done"
    assert all(values == pytest.approx(right, abs=1e-4) for values in answers)
    assert replica.wait(60) == 0, experiment.log()
    assert all_gone(processes)
    logs = [path.read_text(errors="replace") for path in experiment.folder.rglob("*.log")]
    assert len(logs) == 2
    told = [*logs, json.dumps(asdict(record)), status.stdout, where.stdout, *shown]
    assert not [text for text in told if experiment.key in text]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_replica_whose_server_is_killed_fails_and_leaves_no_record(experiment, number):
    replica = experiment.start()
    record = experiment.wait_for_record(replica)
    server, processes = Server(record.url, "tiny", key=experiment.key, timeout_s=30), servers_of(replica)
    right = server.score(LONG)
    with ThreadPoolExecutor(64) as pool:
        asked = [pool.submit(server.score, LONG) for _ in range(64)]
        while not any(future.done() for future in asked):
            time.sleep(0.001)
        next(process for process in processes if process.ppid() == replica.pid).send_signal(number)
    faults = [future.exception() for future in asked]
    assert {type(fault) for fault in faults if fault} == {Unavailable}, "a broken answer is never taken for a score"
    for future in asked:
        assert future.exception() or future.result() == pytest.approx(right, abs=1e-4)
    assert replica.wait(30) == 2
    assert "the server ended with status" in experiment.log().split("error: ")[1]
    assert read_records(experiment.records) == []
    assert all_gone(processes)


DRIVER = """
import json, signal, sys, time
from pathlib import Path
from types import SimpleNamespace
from scope.errors import InputError
from scope.score.service import replica
from scope.score.service.registry import Record
from scope.score.client import Server
port, command, folder, service, left = json.loads(sys.argv[1])
replica.QUIET_S, url, ends = 0.3, f"http://127.0.0.1:{port}", left and time.time() + replica.MARGIN_S + left
record = Record(url, "teacher", "f" * 64, "node", 1, None, ends, 0.0, 0.0)
probe = Server(url, "teacher", key=None, timeout_s=0.3)
made = replica.Replica(command, {}, Path(folder) / "server.log", probe, record, folder, SimpleNamespace(**service))
try:
    made.run()
except InputError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def drive(tmp_path):
    """Starts a replica whose server is the stub; gives the process and the folder of its record."""

    def start(*faults, left=None, **changes):
        (port,) = free_ports(1)
        command = [str(BIN / "python"), str(ROOT / "tests/stub_server.py"), str(port), json.dumps(faults)]
        service = {"heartbeat_s": 0.1, "deadline_s": 60, "idle_s": None, **changes}
        given = json.dumps([port, command, str(tmp_path), service, left])
        process = subprocess.Popen(
            [BIN / "python", "-c", DRIVER, given],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        )
        started.append(process)
        return process, tmp_path, f"http://127.0.0.1:{port}"

    started = []
    yield start
    for process in started:
        process.kill()


def until(happened, seconds=20):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.real
def test_an_idle_replica_ends_and_a_used_one_stays(drive):
    replica, folder, url = drive(idle_s=1)
    until(lambda: read_records(folder))
    user = Server(url, "teacher", key=None, timeout_s=5)
    for _ in range(8):
        user.score(Pair([1], [2]))
        time.sleep(0.25)
        assert replica.poll() is None
    assert replica.wait(10) == 0
    assert "no request for 1 s" in replica.stderr.read()
    assert read_records(folder) == []


@pytest.mark.real
def test_a_replica_ends_before_its_walltime_does(drive):
    replica, folder, _ = drive(left=3)
    until(lambda: read_records(folder))
    assert replica.wait(10) == 0
    assert "the walltime ends" in replica.stderr.read()
    assert read_records(folder) == []


@pytest.mark.real
def test_a_server_that_answers_but_does_not_score_gets_no_record_and_is_given_up(drive):
    replica, folder, _ = drive("hang", deadline_s=2)
    while replica.poll() is None:
        assert read_records(folder) == []
        time.sleep(0.02)
    assert replica.wait() == 1
    assert "the server scored nothing for 2 s" in replica.stderr.read()


@pytest.mark.real
def test_the_record_of_a_server_that_begins_to_hang_runs_out(drive):
    replica, folder, _ = drive(200, 200, 200, *["hang"] * 50, deadline_s=3)
    until(lambda: read_records(folder))
    until(lambda: not read_records(folder)[0].is_fresh)
    assert replica.poll() is None, "it may come back"
    assert replica.wait(10) == 1
    assert read_records(folder) == []
