"""Teacher backends agree on a real vLLM server; a faulty server never leads to an invented log-probability."""

import math
import time
from functools import partial

import pytest

from conftest import BIN, RECIPE, run
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.partial import open_partial
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.scores import SCORES
from scope.models.pair import Pair
from scope.score import endpoint
from scope.score.api_key import KEY_VARIABLE
from scope.score.backend import check_scores
from scope.score.client import Server
from scope.score.connection import VARIABLE, Connection, to_text
from scope.score.open import open_teacher
from scope.score.settings import InProcess, Servers
from stub_server import logprob, serving

PAIRS = [Pair([3 + i % 10, 14, 5], [13, 4 + i % 9, 14, 3, 1][: 1 + i % 5]) for i in range(40)]
EXTERNAL = Servers(backend="external", model="teacher")
IN_PROCESS = InProcess(backend="in_process", pack_tokens=64, attention="auto")
OPTIONS = {"dtype": "float32", "temperature": 1.0}


@pytest.fixture(autouse=True)
def short_rests(monkeypatch):
    monkeypatch.setattr(endpoint, "BACKOFF_S", 0.02)


def connection(*urls, **changes):
    numbers = {"timeout_s": 20.0, "attempts": 3, "concurrency": 4, "patience_s": 0.5}
    return to_text(Connection(**{"urls": list(urls), "folder": "none", "key_file": "none", **numbers, **changes}))


@pytest.fixture
def external(monkeypatch):
    """Opens the external backend on servers, by their addresses."""

    def open_external(*urls, settings=EXTERNAL, **changes):
        monkeypatch.setenv(VARIABLE, connection(*urls, **changes))
        return open_teacher(settings, "no/manifest.json", **OPTIONS)

    return open_external


@pytest.mark.real
def test_in_process_and_external_agree_to_1e_4_in_float32(vllm_server, tiny, monkeypatch, external):
    url, key = vllm_server
    monkeypatch.setenv(KEY_VARIABLE, key)
    near = open_teacher(IN_PROCESS, tiny["teacher"], **OPTIONS).score(PAIRS)
    far = external(url).score(PAIRS)
    assert [len(row) for row in far] == [len(pair.response) for pair in PAIRS]
    assert max(abs(a - b) for x, y in zip(near, far, strict=True) for a, b in zip(x, y, strict=True)) < 1e-4


@pytest.mark.real
def test_a_real_server_refuses_without_key_and_with_another_name(vllm_server, monkeypatch, external):
    url, key = vllm_server
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with refused("refused-request", "status 401", KEY_VARIABLE):
        external(url).score(PAIRS[:1])
    monkeypatch.setenv(KEY_VARIABLE, key)
    with refused("other-model", "serves teacher", "'another'", "teacher.server.model"):
        external(url, settings=Servers(backend="external", model="another")).score(PAIRS[:1])
    with refused("refused-request", "status 404"):
        Server(url, "another", key=key, timeout_s=20).score(PAIRS[0])


@pytest.mark.real
def test_the_stub_answers_in_the_form_of_the_real_server(vllm_server, stub):
    url, key = vllm_server
    ask = {"model": "teacher", "prompt": [3, 14, 5], "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
    for server in (Server(url, "teacher", key=key, timeout_s=20), Server(stub.url, "teacher", key=None, timeout_s=20)):
        server.check_name()
        answer = server.send("POST", "/v1/completions", json=ask)
        first, *rest = answer["choices"][0]["prompt_logprobs"]
        assert first is None
        assert [list(entry) for entry in rest] == [["14"], ["5"]]
        assert all(isinstance(entry[token]["logprob"], float) for entry in rest for token in entry)


@pytest.fixture
def stub():
    with serving() as server:
        yield server


@pytest.mark.parametrize("faults", [[429, 503], ["cut", "cut"]])
def test_passing_errors_are_retried(stub, external, faults):
    stub.faults = faults
    assert external(stub.url).score([Pair([3, 14], [5])]) == [[logprob(5)]]
    assert stub.requests == 3


@pytest.mark.parametrize(
    ("fault", "code", "names", "tries"),
    [
        (500, "failed-request", ["status 500", "fault", "3 tries"], 3),
        (400, "refused-request", ["status 400", "fault"], 1),
        (404, "refused-request", ["status 404"], 1),
    ],
)
def test_lasting_errors_end_with_the_servers_words(stub, external, fault, code, names, tries):
    stub.faults = [fault] * 10
    with refused(code, *names):
        external(stub.url).score(PAIRS[:1])
    assert stub.requests == tries


def test_one_pair_that_always_fails_ends_a_long_queue(stub, external):
    stub.faults = [500] * 1000
    with refused("failed-request", "status 500", "3 tries"):
        external(stub.url).score(PAIRS)
    assert stub.requests <= 4 + 2 * 3


def test_a_hung_server_meets_the_deadline(stub, external):
    stub.faults = ["hang"] * 10
    start = time.monotonic()
    with refused("failed-request", "ReadTimeout", "2 tries"):
        external(stub.url, timeout_s=0.3, attempts=2).score(PAIRS[:1])
    assert time.monotonic() - start < 3


def test_an_absent_server_is_named(external):
    with refused("no-server", "0.5 s", "http://127.0.0.1:9/v1/models: ConnectError", "teacher.server.urls"):
        external("http://127.0.0.1:9").score(PAIRS[:1])


def test_a_stage_without_the_servers_address_prints_how_to_get_it(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with refused("unset-variable", VARIABLE, "teacher_service.py where"):
        open_teacher(EXTERNAL, "no/manifest.json", **OPTIONS)


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
def test_a_missing_logprob_is_never_made_up(stub, external, edit):
    stub.edit = edit
    with refused("missing-logprobs"):
        external(stub.url).score([Pair([3, 14], [5, 1])])
    assert stub.requests == 1


def test_what_is_done_is_not_asked_again(stub, external):
    found = dict(external(stub.url).score_each(PAIRS, done={0, 2, 39}))
    assert sorted(found) == sorted(set(range(40)) - {0, 2, 39})
    assert stub.requests == 37


def test_a_resumed_pass_computes_the_same_packs_and_skips_done_ones(tiny, monkeypatch):
    from scope.models import packed_forward

    teacher = open_teacher(IN_PROCESS, tiny["teacher"], **OPTIONS)
    whole, packs = dict(teacher.score_each(PAIRS)), []
    monkeypatch.setattr(
        packed_forward,
        "pack",
        partial(lambda make, *given: packs.append(given[0]) or make(*given), packed_forward.pack),
    )
    first, *others = packed_forward.plan_packs([len(pair) for pair in PAIRS], 64)
    done = {*first, others[0][0]}
    rest = dict(teacher.score_each(PAIRS, done=done))
    assert rest == {index: values for index, values in whole.items() if index not in done}
    assert packs == [[PAIRS[index] for index in indices] for indices in others]


@pytest.mark.parametrize("value", [math.nan, -math.inf, 0.5])
def test_a_logprob_that_is_not_one_is_refused_with_its_rollout(value):
    with refused("invalid-logprobs", "rollout 3 of prompt 'p'"):
        check_scores([[-1.0, value]], [Pair([1], [2, 3])], ["rollout 3 of prompt 'p'"])


def test_scores_keep_null_where_the_objective_needs_none(tiny, tmp_path):
    import polars as pl

    from scope.score.rows import score_rollouts

    rows = pl.DataFrame(
        {
            "prompt_id": ["a", "b"],
            "sample_index": [0, 0],
            "correct": [True, False],
            "prompt_token_ids": [[3], [4]],
            "response_token_ids": [[5, 1], [6, 1]],
        },
        schema_overrides={"sample_index": pl.Int32},
    )
    work = open_partial(tmp_path / "scores.parquet", RECIPE, [])
    scores = score_rollouts(rows, ~pl.col("correct"), IN_PROCESS, tiny["teacher"], work, **OPTIONS)
    assert scores["scorer_logprobs"].is_null().to_list() == [True, False]
    nothing = score_rollouts(rows, pl.lit(False), IN_PROCESS, "no/such/manifest.json", work, **OPTIONS)
    assert nothing["scorer_logprobs"].null_count() == 2


def test_scores_survive_the_artifact(tmp_path):
    rows = [{"prompt_id": "a", "sample_index": 0, "scorer_logprobs": None}]
    parquet.write(tmp_path / "s.parquet", SCORES, rows, recipe=RECIPE)
    assert parquet.read(tmp_path / "s.parquet", SCORES)["scorer_logprobs"].to_list() == [None]


def check_teacher(tiny, tmp_path, teacher, **environment):
    row = {"problem": "p", "answer": "a", "source": "s", "domain": "puzzle", "tests": None}
    prompts = [{"prompt_id": str(i), "prompt_token_ids": [3 + i, 14, 5], **row} for i in range(4)]
    parquet.write(tmp_path / "prompts.parquet", PROMPTS, prompts, recipe=RECIPE)
    settings = {"teacher": teacher, "models": {"dtype": "float32"}, "rollout": {"engine": "transformers"}}
    models = ["--student", tiny["student"], "--teacher", tiny["teacher"]]
    files = ["--prompts", tmp_path / "prompts.parquet", "--out", tmp_path / "checks.parquet"]
    recipe = ["--recipe", make_recipe("check_teacher", settings)]
    return run(BIN / "python", "scripts/check_teacher.py", *models, *files, *recipe, check=False, **environment)


SERVED = {"backend": "external", "model": "teacher", "pack_tokens": 64, "exact_kl": False}


@pytest.mark.real
def test_the_check_of_a_served_teacher_passes_and_names_a_wrong_server(vllm_server, tiny, tmp_path):
    url, key = vllm_server
    where = {VARIABLE: connection(url), KEY_VARIABLE: key}
    done = check_teacher(tiny, tmp_path, SERVED, **where)
    assert done.returncode == 0, done.stderr
    details = dict(parquet.read(tmp_path / "checks.parquet", CHECKS).select("check", "detail").iter_rows())
    assert details["served_name"] == "served as 'teacher'"
    assert "external and in_process agree" in details["agreement"]
    done = check_teacher(tiny, tmp_path, {**SERVED, "model": "qwen"}, **where)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        f"error: {url} serves teacher, not 'qwen'; correct teacher.server.model"
    )
    assert key not in done.stderr


@pytest.mark.real
def test_a_server_with_other_weights_is_found_out(vllm_server, tiny, tmp_path):
    url, key = vllm_server
    where = {VARIABLE: connection(url), KEY_VARIABLE: key}
    done = check_teacher({**tiny, "teacher": tiny["student"]}, tmp_path, SERVED, **where)
    assert done.returncode == 2
    assert "external and in_process differ by" in done.stderr
    assert not (tmp_path / "checks.parquet").exists()
