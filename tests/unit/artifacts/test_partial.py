"""What a killed attempt has done is taken up by the next one where it is of the same making, else removed."""

import json
import subprocess
import sys

import polars as pl
import pytest

from conftest import RECIPE, ROOT
from killing import flip_a_byte
from refusals import refused
from scope.artifacts import parquet, recipe
from scope.artifacts.fingerprint import modules
from scope.artifacts.partial import Timer, is_unfinished, open_partial
from scope.artifacts.partial_rows import keep_rows
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES
from scope.errors import InputError
from scope.rollout.engine import Engine, Sample, Sampling
from scope.rollout.samples import sample_rows
from scope.score.settings import InProcess

GOOD, KEYS = Sample([5, 1], [-0.5, -0.25], "x", "stop"), [("p", 0), ("p", 1), ("q", 0), ("q", 1)]


@pytest.fixture
def making(tmp_path):
    """An input and an output, and a way to take up the output's unfinished work."""
    (tmp_path / "input").write_text("1")
    arguments = {"recipe": make_recipe("weigh", {"objective.tau": 1}), "inputs": [tmp_path / "input"], "seed": 0}

    def again(**changes):
        return open_partial(tmp_path / "out.parquet", **{**arguments, **changes})

    return again


def test_the_same_making_finds_what_was_kept(making, capsys):
    (making().folder / "kept").write_text("1")
    assert (making().folder / "kept").is_file()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: {"recipe": make_recipe("weigh", {"objective.tau": 2})}, "setting objective.tau: 1 -> 2"),
        (lambda folder: {"seed": 1}, "setting seed: 0 -> 1"),
        (lambda folder: {"inputs": []}, "input {folder}/input: is no longer one"),
        (lambda folder: (folder / "input").write_text("2") and {}, "input {folder}/input: its content changed"),
        (lambda folder: (folder / ".out.parquet.unfinished/made_from.json").unlink() or {}, "no readable record"),
        (lambda folder: flip_a_byte(folder / ".out.parquet.unfinished/made_from.json") or {}, "no readable record"),
    ],
)
def test_other_inputs_remove_what_was_kept_and_log_what_changed(making, tmp_path, capsys, change, said):
    (making().folder / "kept").write_text("1")
    work = making(**change(tmp_path))
    assert not (work.folder / "kept").exists()
    told = capsys.readouterr().err
    assert told.startswith(f"resume: starts fresh, {work.folder} is removed: ")
    assert said.format(folder=tmp_path) in told


def test_edited_code_starts_fresh_and_names_the_module(making, tmp_path, monkeypatch, capsys):
    (making().folder / "kept").write_text("1")
    edited = {**modules("weigh.py"), "scope/method/weights.py": "0" * 16}
    monkeypatch.setattr(recipe, "modules", lambda script: edited)
    assert not (making().folder / "kept").exists()
    assert "is removed: code: scope/method/weights.py changed" in capsys.readouterr().err


class Scripted(Engine):
    """Draws what it is told, and writes down what it was asked for."""

    def __init__(self, samples):
        self.samples, self.asked = samples, []

    def sample_each(self, requests, sampling, done=()):
        self.asked.append([index for index in range(len(requests)) if index not in done])
        for index in self.asked[-1]:
            if isinstance(self.samples[index], Exception):
                raise self.samples[index]
            yield index, self.samples[index]


def sample_scripted(samples, work):
    engine = Scripted(samples)
    rows = sample_rows(engine, KEYS, [None] * len(KEYS), Sampling(1.0, 8), work, "rollouts")
    return engine, rows


@pytest.mark.parametrize("seconds", ["0", "1000"])
@pytest.mark.parametrize("bad", [RuntimeError("engine died"), Sample([5], [float("nan")], "x", "stop")])
def test_rows_before_an_error_are_kept_and_a_bad_one_never_is(making, monkeypatch, seconds, bad):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", seconds)
    with pytest.raises((RuntimeError, InputError)):
        sample_scripted([GOOD, GOOD, bad, GOOD], making())
    engine, rows = sample_scripted([None, None, GOOD, GOOD], making())
    assert engine.asked == [[2, 3]]
    assert [(row["prompt_id"], row["sample_index"]) for row in rows] == KEYS
    assert all(row["logprobs"] == GOOD.logprobs for row in rows)


def test_a_damaged_part_is_computed_again_and_one_from_other_inputs_too(making, monkeypatch, capsys):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "0")
    _, whole = sample_scripted([GOOD] * 4, making())
    folder = making().folder / "rollouts"
    damaged, foreign = folder / "2.parquet", folder / "98.parquet"
    rows = parquet.read(folder / "3.parquet", ROLLOUTS)
    spoilt = rows.with_columns(response_text=pl.lit("not what was drawn"))
    parquet.write(foreign, ROLLOUTS, spoilt, recipe=RECIPE, identity="another")
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (folder / ".99.parquet.tmp-1").write_text("half of a part")
    engine, again = sample_scripted([None, GOOD, None, None], making())
    assert (engine.asked, again) == ([[1]], whole)
    said = capsys.readouterr().err
    for part in (damaged, foreign):
        assert f"resume: {part} is damaged, or from other settings, code or inputs: it is removed" in said


def test_all_rows_there_ask_for_nothing(making):
    sample_scripted([GOOD] * 4, making())
    assert sample_scripted([None] * 4, making())[0].asked == [[]]


def test_two_ways_of_sampling_keep_apart(making):
    work = making()
    for name, text in (("samples-T1", "one"), ("samples-T1-b", "two")):
        engine = Scripted([Sample([5, 1], [-0.5, -0.25], text, "stop")] * 4)
        rows = sample_rows(engine, KEYS, [None] * 4, Sampling(1.0, 8), work, name)
        assert engine.asked == [[0, 1, 2, 3]]
        assert {row["response_text"] for row in rows} == {text}


def test_rows_are_kept_at_intervals_not_one_by_one(making, monkeypatch):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "1000")
    work, keys = making(), [("p", i) for i in range(100)]
    finish = lambda done: (  # noqa: E731
        (i, {"prompt_id": "p", "sample_index": i, "scorer_logprobs": [-1.0]}) for i in range(100) if i not in done
    )
    keep_rows(work, "scores", SCORES, keys, finish)
    assert len(list((work.folder / "scores").iterdir())) == 1


def test_an_interval_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "often")
    with refused("invalid-value", "SCOPE_KEEP_SECONDS", "'often'"):
        Timer(1)


def test_an_engine_skips_finished_batches_and_samples_the_others_alike(tiny, monkeypatch):
    from scope.rollout import transformers
    from scope.rollout.engine import Request

    monkeypatch.setattr(transformers, "BATCH", 4)
    engine = transformers.TransformersEngine(tiny["student"].parent, dtype="float32", max_model_len=32)
    requests, sampling = [Request([3 + i % 9, 14, 5], i) for i in range(14)], Sampling(1.0, 8)
    whole, sizes, batch = engine.sample(requests, sampling), [], engine._batch
    monkeypatch.setattr(engine, "_batch", lambda asked, *rest: sizes.append(len(asked)) or batch(asked, *rest))
    done = {*range(4, 8), 9, 13}
    sampled = dict(engine.sample_each(requests, sampling, done))
    assert sizes == [4, 4, 2], "batches of all requests, the done one left out"
    assert sampled == {index: whole[index] for index in set(range(14)) - done}


def test_scores_of_pairs_that_are_done_are_not_asked_for(tiny):
    from scope.models.pair import Pair
    from scope.score.open import open_teacher

    in_process = InProcess(backend="in_process", pack_tokens=16, attention="auto")
    teacher = open_teacher(in_process, tiny["teacher"], dtype="float32", temperature=1.0)
    pairs = [Pair([3, 14], [5 + i % 3, 4, 1]) for i in range(12)]
    whole, done = teacher.score(pairs), {0, 1, 2, 7}
    assert dict(teacher.score_each(pairs, done)) == {i: whole[i] for i in range(12) if i not in done}


@pytest.mark.real
@pytest.mark.slow
def test_vllm_yields_each_index_once_and_asks_for_none_that_is_done(tiny):
    asked = {
        "requests": [[[3 + i % 10, 14, 5], i] for i in range(12)],
        "draw": {"temperature": 1.0, "max_tokens": 12},
        "tempered": True,
        "done": [1, 5, 11],
    }
    done = subprocess.run(
        [sys.executable, ROOT / "tests/sample_process.py", "vllm", tiny["student"].parent],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("SAMPLES", "EACH")))
    whole, each = json.loads(lines["SAMPLES"]), json.loads(lines["EACH"])
    assert sorted(index for index, _ in each) == [i for i in range(12) if i not in asked["done"]]
    assert [sample["token_ids"] for _, sample in sorted(each, key=lambda one: one[0])] == [
        whole[i]["token_ids"] for i in range(12) if i not in asked["done"]
    ]


def test_wandb_gets_no_step_twice_and_the_lines_have_each_once(making, tmp_path, monkeypatch):
    from scope.update.tracking import Tracker

    sent = []
    fake = type("Wandb", (), {"init": lambda **_: Fake(sent), "Settings": lambda **_: None})
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setenv("WANDB_MODE", "offline")
    for steps in ([1, 2, 3], [1, 2, 3, 4]):  # killed after step 3, the checkpoint is older
        tracker = Tracker(tmp_path / "metrics.jsonl", making(), run="r", folder=tmp_path, config={})
        for step in steps:
            tracker.log({"step": step, "loss": 0.5})
        tracker.close()
    assert sent == [1, 2, 3, 4]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


class Fake:
    def __init__(self, sent):
        self.sent = sent

    def log(self, row, step):
        self.sent.append(step)

    def finish(self):
        pass


def test_unfinished_work_is_no_artifact(tmp_path, monkeypatch):
    from scope.audit.integrity import find_artifacts

    monkeypatch.chdir(tmp_path)
    out = tmp_path / "results/demo/scope/seed0/round1/rollout/0.parquet"
    work = open_partial(out, RECIPE, [], seed=0)
    sample_scripted([GOOD] * 4, work)
    parquet.write(out.with_name("1.parquet"), SCORES, [], recipe=RECIPE)
    (found,) = find_artifacts("results").values()
    assert [path.rsplit("/", 1)[1] for path in found] == ["1.parquet"]
    assert is_unfinished(work.folder / "rollouts/1.parquet")
    assert not is_unfinished(out)
