"""Teacher backends agree on a real vLLM server; a faulty server never leads to an invented log-probability."""

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import BIN, RECIPE, run
from scope import artifacts
from scope.errors import InputError
from scope.forward import Pair
from scope.provenance import Settings, make_recipe
from scope.teachers import check_scores, open_teacher
from scope.teachers.server import KEY_VARIABLE, ServerTeacher
from scope.unfinished import take_up

PAIRS = [Pair([3 + i % 10, 14, 5], [13, 4 + i % 9, 14, 3, 1][: 1 + i % 5]) for i in range(40)]


def server_settings(url, **changes):
    options = {"url": url, "model": "teacher", "timeout_s": 20.0, "attempts": 3, "concurrency": 4, **changes}
    return Settings({"backend": "server", "server": options, "pack_tokens": 64})


@pytest.mark.real
def test_local_and_server_agree_to_1e_4_in_float32(vllm_server, tiny, monkeypatch):
    url, key = vllm_server
    monkeypatch.setenv(KEY_VARIABLE, key)
    local = Settings({"backend": "local", "pack_tokens": 64})
    options = {"dtype": "float32", "temperature": 1.0}
    near = open_teacher(local, tiny["teacher"].parent, **options).score(PAIRS)
    far = open_teacher(server_settings(url), tiny["teacher"].parent, **options).score(PAIRS)
    assert [len(row) for row in far] == [len(pair.response) for pair in PAIRS]
    assert max(abs(a - b) for x, y in zip(near, far, strict=True) for a, b in zip(x, y, strict=True)) < 1e-4


@pytest.mark.real
def test_a_real_server_refuses_without_key_and_with_another_name(vllm_server, monkeypatch):
    url, key = vllm_server
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(InputError, match=f"status 401.*export {KEY_VARIABLE}"):
        ServerTeacher(server_settings(url).server).score(PAIRS[:1])
    monkeypatch.setenv(KEY_VARIABLE, key)
    assert ServerTeacher(server_settings(url).server).served_models() == ["teacher"]
    with pytest.raises(InputError, match="status 404"):
        ServerTeacher(server_settings(url, model="another").server).score(PAIRS[:1])


@pytest.mark.real
def test_the_stub_answers_in_the_form_of_the_real_server(vllm_server, stub, monkeypatch):
    url, key = vllm_server
    monkeypatch.setenv(KEY_VARIABLE, key)
    ask = {"model": "teacher", "prompt": [3, 14, 5], "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
    real = ServerTeacher(server_settings(url).server)._send("POST", "/v1/completions", json=ask)
    fake = ServerTeacher(server_settings(stub.url).server)._send("POST", "/v1/completions", json=ask)
    for answer in (real, fake):
        first, *rest = answer["choices"][0]["prompt_logprobs"]
        assert first is None
        assert [list(entry) for entry in rest] == [["14"], ["5"]]
        assert all(isinstance(entry[token]["logprob"], float) for entry in rest for token in entry)


class Stub(ThreadingHTTPServer):
    """Answers like a vLLM server, with the faults of `faults` first."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults, self.requests, self.edit = [], 0, lambda entries: entries


class StubHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests += 1
        fault = self.server.faults.pop(0) if self.server.faults else 200
        if fault == "hang":
            time.sleep(3)
        status = fault if isinstance(fault, int) else 200
        entries = [None, *({str(i): {"logprob": -0.5 - i / 100, "rank": 1}} for i in asked["prompt"][1:])]
        answer = {"choices": [{"prompt_logprobs": self.server.edit(entries)}]}
        body = json.dumps(answer if status == 200 else {"error": {"message": "fault"}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub():
    server = Stub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_passing_faults_are_retried(stub):
    stub.faults = [429, 503]
    assert ServerTeacher(server_settings(stub.url).server).score_one(Pair([3, 14], [5])) == [-0.55]
    assert stub.requests == 3


@pytest.mark.parametrize(("fault", "tries"), [(500, 3), (400, 1), (404, 1)])
def test_lasting_faults_end_with_the_servers_words(stub, fault, tries):
    stub.faults = [fault] * 10
    with pytest.raises(InputError, match=f"status {fault}, .*fault"):
        ServerTeacher(server_settings(stub.url).server).score_one(PAIRS[0])
    assert stub.requests == tries


def test_a_hung_server_meets_the_deadline(stub):
    stub.faults = ["hang"] * 10
    start = time.monotonic()
    with pytest.raises(InputError, match="ReadTimeout after 2 tries"):
        ServerTeacher(server_settings(stub.url, timeout_s=0.3, attempts=2).server).score_one(PAIRS[0])
    assert time.monotonic() - start < 3


def test_an_absent_server_is_named():
    with pytest.raises(InputError, match=r"http://127.0.0.1:9/v1/completions: ConnectError after 2 tries"):
        ServerTeacher(server_settings("http://127.0.0.1:9", attempts=2).server).score_one(PAIRS[0])


@pytest.mark.parametrize(
    "edit",
    [
        lambda entries: None,
        lambda entries: entries[:-1],
        lambda entries: [*entries[:-1], None],
        lambda entries: [*entries[:-1], {"9999": {"logprob": -1.0}}],
        lambda entries: [*entries[:-1], {key: {"logprob": None} for key in entries[-1]}],
    ],
)
def test_a_missing_logprob_is_never_made_up(stub, edit):
    stub.edit = edit
    with pytest.raises(InputError, match="the server gave"):
        ServerTeacher(server_settings(stub.url).server).score_one(Pair([3, 14], [5, 1]))


@pytest.mark.parametrize("value", [math.nan, -math.inf, 0.5])
def test_a_logprob_that_is_not_one_is_refused_with_its_rollout(value):
    with pytest.raises(InputError, match=r"rollout 3 of prompt 'p': the scorer gave log-probability"):
        check_scores([[-1.0, value]], [Pair([1], [2, 3])], ["rollout 3 of prompt 'p'"])


def test_scores_keep_null_where_the_objective_needs_none(tiny, tmp_path):
    import polars as pl

    from scope.scoring import score_rollouts

    rows = pl.DataFrame(
        {"prompt_id": ["a", "b"], "sample_index": [0, 0], "correct": [True, False],
         "prompt_token_ids": [[3], [4]], "response_token_ids": [[5, 1], [6, 1]]},
        schema_overrides={"sample_index": pl.Int32})  # fmt: skip
    local = Settings({"backend": "local", "pack_tokens": 64})
    work, options = take_up(tmp_path / "scores.parquet", RECIPE, []), {"dtype": "float32", "temperature": 1.0}
    scores = score_rollouts(rows, ~pl.col("correct"), local, tiny["teacher"].parent, work, **options)
    assert scores["teacher_logprobs"].is_null().to_list() == [True, False]
    nothing = score_rollouts(rows, pl.lit(False), local, "no/such/folder", work, **options)
    assert nothing["teacher_logprobs"].null_count() == 2


def test_scores_survive_the_artifact(tmp_path):
    rows = [{"prompt_id": "a", "sample_index": 0, "teacher_logprobs": None}]
    artifacts.write(tmp_path / "s.parquet", "scores", rows, recipe=RECIPE)
    assert artifacts.read(tmp_path / "s.parquet", "scores")["teacher_logprobs"].to_list() == [None]


def check_teacher(tiny, tmp_path, teacher, **environment):
    prompts = [
        {"prompt_id": str(i), "problem": "p", "answer": "a", "source": "s", "domain": "puzzle", "tests": None,
         "prompt_token_ids": [3 + i, 14, 5]} for i in range(4)]  # fmt: skip
    artifacts.write(tmp_path / "prompts.parquet", "prompts", prompts, recipe=RECIPE)
    settings = {"teacher": teacher, "models.dtype": "float32", "rollout.engine": "transformers"}
    return run(
        BIN / "python", "scripts/check_teacher.py", "--student", tiny["student"], "--teacher", tiny["teacher"],
        "--prompts", tmp_path / "prompts.parquet", "--out", tmp_path / "checks.parquet",
        "--recipe", make_recipe("check_teacher", settings), check=False, **environment)  # fmt: skip


@pytest.mark.real
def test_the_check_of_a_served_teacher_passes_and_names_a_wrong_server(vllm_server, tiny, tmp_path):
    url, key = vllm_server
    options = {"url": url, "timeout_s": 20.0, "attempts": 2, "concurrency": 4}
    served = {"backend": "server", "pack_tokens": 64, "server": {**options, "model": "teacher"}}
    done = check_teacher(tiny, tmp_path, served, **{KEY_VARIABLE: key})
    assert done.returncode == 0, done.stderr
    details = dict(artifacts.read(tmp_path / "checks.parquet", "checks").select("check", "detail").iter_rows())
    assert details["served_name"] == "served as 'teacher'"
    assert "server and local agree" in details["agreement"]
    served["server"]["model"] = "qwen"
    done = check_teacher(tiny, tmp_path, served, **{KEY_VARIABLE: key})
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        "error: the server serves teacher, not 'qwen'; mend teacher.server.model"
    )
    assert key not in done.stderr


@pytest.mark.real
def test_a_server_with_other_weights_is_found_out(vllm_server, tiny, tmp_path):
    url, key = vllm_server
    options = {"url": url, "model": "teacher", "timeout_s": 20.0, "attempts": 2, "concurrency": 4}
    served = {"backend": "server", "pack_tokens": 64, "server": options}
    done = check_teacher({**tiny, "teacher": tiny["student"]}, tmp_path, served, **{KEY_VARIABLE: key})
    assert done.returncode == 2
    assert "server and local differ by" in done.stderr
    assert not (tmp_path / "checks.parquet").exists()
