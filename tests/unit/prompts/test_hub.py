"""Datasets of the hub: read from a cache of its published layout, fetched from a server of its published routes."""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from conftest import BIN, ROOT, run
from refusals import refused
from scope.config.data import Rows
from scope.config.experiment import parse_config, read_config
from scope.planning.take import take
from scope.prompts.hub import row_files
from scope.prompts.read import read_rows
from scope.prompts.rows import RowsSettings

REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB = {"dataset": "owner/name", "revision": REVISION, "files": "data/train-*.parquet"}
ROWS = Rows(hub=HUB)
COMMAND = r"fetch it: python scripts/fetch.py --configfile"


def parquet(problem):
    buffer = io.BytesIO()
    pl.DataFrame({"problem": [problem], "answer": ["1"]}).write_parquet(buffer)
    return buffer.getvalue()


PARTS = {f"data/train-{part:05}-of-00002.parquet": parquet(f"problem {part}") for part in range(2)}
FILES = {**PARTS, "data/test-00000-of-00001.parquet": parquet("held out"), "loader.py": b"raise SystemExit"}


@pytest.fixture
def snapshot(tmp_path, monkeypatch):
    """The folder of the revision in an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path / "datasets--owner--name/snapshots" / REVISION


def put(snapshot, *names):
    for name in names:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes(FILES[name])


def test_files_in_the_cache_are_read_as_one_in_sorted_order(snapshot):
    put(snapshot, *reversed(FILES))
    files = row_files(ROWS)
    assert files == [str(snapshot / name) for name in sorted(PARTS)]
    rows = read_rows(files, take(RowsSettings, ROWS, content=[]))
    assert [(row["row"], row["problem"]) for row in rows] == [(0, "problem 0"), (1, "problem 1")]


def test_what_is_not_in_the_cache_is_named_with_the_command_that_fetches_it(snapshot):
    with refused("not-downloaded", "owner/name", REVISION, COMMAND):
        row_files(ROWS)
    put(snapshot, "data/test-00000-of-00001.parquet")
    with refused("not-downloaded", "data/train-*.parquet", COMMAND):
        row_files(ROWS)
    put(snapshot, "data/train-00001-of-00002.parquet")
    with refused("not-downloaded", ": train-00000-of-00002.parquet", COMMAND):
        row_files(ROWS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"revision": "main"}, "`data.train.hub.revision`"),
        ({"files": "*"}, "`data.train.hub.files`"),
        ({"files": "loader.py"}, "`data.train.hub.files`"),
        ({"dataset": "name"}, "`data.train.hub.dataset`"),
    ],
)
def test_only_pinned_revisions_and_files_of_rows_are_taken(change, said):
    raw = read_config(ROOT / "config/real_smoke.yaml", ROOT / "config/variants.yaml")
    raw["data"]["train"] = {"hub": HUB}
    parse_config(raw)
    raw["data"]["train"] = {"hub": {**HUB, **change}}
    with refused("invalid-configuration", said):
        parse_config(raw)


def test_a_file_or_a_dataset_but_not_both():
    raw = read_config(ROOT / "config/real_smoke.yaml", ROOT / "config/variants.yaml")
    for train in ({}, {"path": "x.parquet", "hub": HUB}):
        raw["data"]["train"] = train
        with refused("invalid-configuration", "`data.train`", "`path`"):
            parse_config(raw)


class HubServer(BaseHTTPRequestHandler):
    """The routes that a download takes: what a revision holds, and each of its files."""

    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        self.asked.append(f"{self.command} {path}")
        name = path.removeprefix(f"/datasets/owner/name/resolve/{REVISION}/")
        if path == f"/api/datasets/owner/name/revision/{REVISION}":
            siblings = [{"rfilename": file} for file in FILES]
            self.answer(json.dumps({"id": "owner/name", "sha": REVISION, "siblings": siblings}).encode())
        elif path.startswith(f"/api/datasets/owner/name/tree/{REVISION}"):
            self.answer(
                json.dumps(
                    [{"type": "file", "path": file, "size": len(data), "oid": "0" * 40} for file, data in FILES.items()]
                ).encode()
            )
        elif name in FILES:
            self.answer(FILES[name])
        else:
            self.send_error(404)

    def answer(self, data):
        self.send_response(200)
        for header, value in (
            ("Content-Length", len(data)),
            ("ETag", f'"{hash(data) % 2**64:040x}"'),
            ("X-Repo-Commit", REVISION),
            ("Content-Type", "application/json"),
        ):
            self.send_header(header, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    """A local server of the hub's routes: its address, and what it was asked for."""
    HubServer.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), HubServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", HubServer.asked
    server.shutdown()


def fetch(tmp_path, **environment):
    config = read_config(ROOT / "config/real_smoke.yaml")
    config["data"]["train"] = {"hub": HUB}
    (tmp_path / "mine.yaml").write_text(json.dumps(config))
    command = [BIN / "python", "scripts/fetch.py", "--configfile", tmp_path / "mine.yaml"]
    return run(*command, check=False, HF_HOME=tmp_path / "home", **environment)


@pytest.mark.real
def test_fetching_takes_the_named_files_of_the_revision_once(tmp_path, endpoint, monkeypatch):
    url, asked = endpoint
    done = fetch(tmp_path, HF_ENDPOINT=url, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1")
    assert done.returncode == 0, done.stderr
    snapshot = tmp_path / "home/hub/datasets--owner--name/snapshots" / REVISION
    assert done.stdout == "".join(f"train: {snapshot / name}\n" for name in sorted(PARTS))
    assert {path.relative_to(snapshot).as_posix(): path.read_bytes() for path in snapshot.rglob("*.*")} == PARTS
    assert not [line for line in asked if "loader" in line or "test-" in line]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home/hub"))
    assert row_files(ROWS) == [str(snapshot / name) for name in sorted(PARTS)]
    asked.clear()
    fetch(tmp_path, HF_ENDPOINT=url, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1")
    assert [line for line in asked if line.startswith("GET /datasets")] == []


@pytest.mark.real
def test_a_dataset_that_cannot_be_fetched_is_reported_in_one_line(tmp_path, endpoint):
    for environment in ({"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": f"{endpoint[0]}/nowhere"}):
        done = fetch(tmp_path, **environment)
        assert done.returncode == 2, done.stderr
        assert f"error: the dataset owner/name at {REVISION} cannot be fetched: " in done.stderr
        assert "Traceback" not in done.stderr
