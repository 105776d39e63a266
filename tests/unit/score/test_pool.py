"""Servers of a pool die, hang, join and lie while a job scores: each pair is scored once and rightly, or it tells."""

import os
import threading
import time
from concurrent.futures import Future
from unittest import mock

import pytest

from conftest import BIN, ROOT, run, seal_files
from refusals import refused
from scope.artifacts.digests import file_digest
from scope.errors import InputError
from scope.models.pair import Pair
from scope.score import endpoint, pool
from scope.score.api_key import KEY_VARIABLE, make_key, read_key
from scope.score.connection import VARIABLE, Connection, to_text
from scope.score.open import open_teacher
from scope.score.service.registry import Record, path_of, read_records, sweep, write_record
from scope.score.settings import Servers
from stub_server import logprob, serving

PAIRS = [Pair([3 + i % 10, 14, 5], [i % 500, 7]) for i in range(300)]
RIGHT = [[logprob(i % 500), logprob(7)] for i in range(300)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(endpoint, "BACKOFF_S", 0.05)
    monkeypatch.setattr(pool, "LOOK_S", 0.1)


class Service:
    """An experiment with the backend `managed`: its manifest, key and records."""

    def __init__(self, tmp_path, monkeypatch):
        self.manifest = seal_files(tmp_path / "teacher/manifest.json", weights="w")
        self.folder, self.key_file = tmp_path / "records", tmp_path / "key/teacher.key"
        self.monkeypatch = monkeypatch
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        make_key(self.key_file)

    def record(self, url, process=1, age=0.0, digest=None):
        now = time.time() - age
        digest = digest or file_digest(self.manifest)
        made = Record(url, "teacher", digest, "node", process, None, None, now, now + 60)
        write_record(self.folder, made)
        return path_of(self.folder, made)

    def open(self, **changes):
        numbers = {"timeout_s": 5.0, "attempts": 3, "concurrency": 4, "patience_s": 0.6, **changes}
        self.monkeypatch.setenv(VARIABLE, to_text(Connection([], str(self.folder), str(self.key_file), **numbers)))
        settings = Servers(backend="managed", model="teacher")
        return open_teacher(settings, self.manifest, dtype="float32", temperature=1.0)


@pytest.fixture
def service(tmp_path, monkeypatch):
    return Service(tmp_path, monkeypatch)


@pytest.fixture
def two():
    with serving() as first, serving() as second:
        first.delay = second.delay = 0.01
        yield first, second


def later(condition, act):
    """Act in another thread as soon as a condition holds."""

    def wait():
        while not condition():
            time.sleep(0.002)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def each_once(teacher):
    """The scores in order, after making sure that each pair was given once."""
    given = list(teacher.score_each(PAIRS))
    assert len(given) == len(PAIRS) == len(dict(given))
    return [values for _, values in sorted(given)]


@pytest.mark.real
def test_two_servers_share_the_work(service, two):
    for process, stub in enumerate(two):
        service.record(stub.url, process)
    assert each_once(service.open()) == RIGHT
    assert min(len(stub.scored) for stub in two) > 50
    assert sum(len(stub.scored) for stub in two) == 300
    assert two[0].keys == {f"Bearer {read_key(service.key_file)}"}


@pytest.mark.real
def test_the_work_of_a_server_killed_midway_moves_to_the_other(service, two):
    first, second = two
    gone = service.record(first.url, 1)
    service.record(second.url, 2)
    later(lambda: len(first.scored) >= 40, first.die)
    assert each_once(service.open()) == RIGHT
    assert gone.exists(), "its record was still fresh: the pool had to find out by itself"
    assert 40 <= len(first.scored) < 150 < len(second.scored)


@pytest.mark.real
def test_a_server_that_hangs_holds_up_only_what_it_has(service, two):
    first, second = two
    first.faults = ["hang"] * 1000
    service.record(first.url, 1)
    service.record(second.url, 2)
    begun = time.monotonic()
    assert each_once(service.open(timeout_s=0.5, attempts=5)) == RIGHT
    assert first.scored == []
    assert first.requests < 20
    assert time.monotonic() - begun < 10


@pytest.mark.real
def test_a_new_server_joins(service, two):
    first, second = two
    service.record(first.url, 1)
    later(lambda: len(first.scored) >= 40, lambda: service.record(second.url, 2))
    assert each_once(service.open()) == RIGHT
    assert len(second.scored) > 40


@pytest.mark.real
def test_a_server_whose_record_goes_gets_no_more_work_and_ends_what_it_has(service, two):
    first, second = two
    leaving, counted = service.record(first.url, 1), []
    service.record(second.url, 2)
    later(lambda: len(first.scored) >= 20, lambda: (leaving.unlink(), time.sleep(0.3), counted.append(first.requests)))
    assert each_once(service.open()) == RIGHT
    assert first.requests == counted[0] == len(first.scored), "none was refused, and none came afterwards"


def test_answers_that_came_with_one_that_is_refused_for_good_are_kept(service, monkeypatch):
    good, bad = Future(), Future()
    good.set_result([-1.0])
    bad.set_exception(InputError("the server refuses this request", "failed-request"))
    monkeypatch.setattr(pool, "_arrived", lambda answers: iter([(mock.Mock(), 0, good), (mock.Mock(), 1, bad)]))
    for part in ("_look_around", "_ask"):
        monkeypatch.setattr(pool.PoolTeacher, part, lambda *given: None)
    given = []
    with refused("failed-request"):
        given.extend(service.open().score_each(PAIRS[:2]))
    assert given == [(0, [-1.0])]


def test_a_job_waits_for_the_first_server(service):
    with serving() as stub:
        threading.Timer(0.5, service.record, (stub.url,)).start()
        assert service.open(patience_s=10).score(PAIRS[:3]) == RIGHT[:3]


@pytest.mark.real
def test_a_server_that_comes_back_at_its_address_is_used_again(service):
    with serving() as stub:
        service.record(stub.url)
        stub.delay = 0.01
        again = {}

        def restart():
            stub.die()
            time.sleep(0.4)
            again["context"] = serving(stub.server_port)
            again["stub"] = again["context"].__enter__()

        later(lambda: len(stub.scored) >= 40, restart)
        assert each_once(service.open(patience_s=10)) == RIGHT
        assert len(again["stub"].scored) > 200
        again["context"].__exit__(None, None, None)


def test_all_dead_ends_after_patience_with_what_to_do(service, two):
    for process, stub in enumerate(two):
        service.record(stub.url, process)
        later(lambda stub=stub: len(stub.scored) >= 20, stub.die)
    begun = time.monotonic()
    with refused("no-server", "0.6 s", *(stub.url for stub in two), "python scripts/teacher_service.py start"):
        service.open(attempts=20).score(PAIRS)
    assert 0.6 < time.monotonic() - begun < 8


def test_a_record_that_is_out_of_date_is_ignored_and_swept(service, two):
    old = service.record(two[0].url, 1, age=61)
    with refused("no-server", "there is none"):
        service.open().score(PAIRS[:1])
    assert two[0].requests == 0
    fresh = service.record(two[1].url, 2)
    assert service.open().score(PAIRS[:2]) == RIGHT[:2]
    sweep(service.folder)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_replica_of_another_model_is_refused_with_both_digests(service, two):
    service.record(two[0].url, 1)
    service.record(two[1].url, 2, digest="f" * 64)
    with refused("other-model", "f" * 12, file_digest(service.manifest)[:12]):
        service.open().score(PAIRS)
    assert two[0].requests == two[1].requests == 0


def test_a_server_under_another_name_is_refused_before_it_scores(service, two):
    two[1].model = "another"
    service.record(two[0].url, 1)
    service.record(two[1].url, 2)
    with refused("other-model", two[1].url, "another", "'teacher'"):
        service.open().score(PAIRS)
    assert two[1].requests == 0


def test_a_file_that_is_no_record_is_named(service):
    service.folder.mkdir()
    (service.folder / "odd.json").write_text('{"url": 1}')
    with refused("unreadable-file", "odd.json"):
        read_records(service.folder)


def test_a_key_that_others_can_read_is_refused(service, two):
    service.record(two[0].url)
    service.key_file.chmod(0o640)
    with refused("exposed-key", "teacher.key"):
        service.open()
    with refused("exposed-key", "teacher.key"):
        make_key(service.key_file)
    service.key_file.unlink()
    with refused("no-key", KEY_VARIABLE, "teacher.key"):
        service.open()


def test_a_new_key_is_random_private_and_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    keys = set()
    for name in ("a", "b"):
        path = tmp_path / name / "teacher.key"
        make_key(path)
        first = read_key(path)
        make_key(path)
        assert read_key(path) == first
        assert len(first) >= 43
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        keys.add(first)
    assert len(keys) == 2
    monkeypatch.setenv(KEY_VARIABLE, "from the environment")
    assert read_key(tmp_path / "a/teacher.key") == "from the environment"


FAKE_SBATCH = """#!/bin/bash
printf '%s\\n' "$@" >> "$FAKE/argv"; cat >> "$FAKE/script"; env >> "$FAKE/environment"; echo 7
"""


def test_one_command_submits_replicas_and_shows_no_key(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sbatch").write_text(FAKE_SBATCH)
    (tools / "squeue").write_text("#!/bin/bash\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    seal_files(tmp_path / "results/smallest/shared/models/teacher/manifest.json", weights="w")
    server = f"{{model: t, key_file: {tmp_path}/teacher.key}}"
    (tmp_path / "mine.yaml").write_text(f"teacher: {{backend: managed, managed: {{replicas: 2}}, server: {server}}}")
    files = [str(ROOT / "tests/configs/smallest.yaml"), "mine.yaml"]
    command = ["start", "--configfile", *files, "--", "--partition=gpu", "--gres=gpu:1"]
    environment = {"PATH": f"{tools}:{BIN}:{os.environ['PATH']}", "FAKE": tmp_path}
    done = run("python", ROOT / "scripts/teacher_service.py", *command, cwd=tmp_path, **environment)
    assert done.stdout == "2 wanted, 2 submitted: 7 7\n"
    key = (tmp_path / "teacher.key").read_text().strip()
    argv, script, variables = ((tmp_path / name).read_text() for name in ("argv", "script", "environment"))
    assert len(key) >= 43
    assert key not in argv + script + variables + done.stdout + done.stderr
    for word in ("--job-name=scope-teacher-smallest", "--signal=B:TERM@120", "--requeue", "--gres=gpu:1"):
        assert argv.count(f"{word}\n") == 2
    assert script.count("scripts/serve_teacher.py --configfile") == 2
