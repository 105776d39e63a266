"""A stage that is killed goes on where it was: no row drawn or step counted twice, nothing of another making used.

Real processes are ended with SIGKILL, and their children, as soon as something is kept; the same command runs again.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import polars as pl
import psutil
import pytest

from conftest import BIN, RECIPE, ROOT, run
from flows import checkout, digests, kill_all, snakemake
from scope import artifacts, folders, provenance
from scope.engines import Draw, Engine, Sample
from scope.errors import InputError
from scope.parts import keep_rows
from scope.provenance import Settings, make_recipe
from scope.sampling import sample_rows
from scope.sections import Update
from scope.unfinished import Timer, folder_of, is_unfinished, take_up
from worlds import made_up_round, objective_of, scored_by, tiny_model, weigh

PLACE = {"variant": "scope", "seed": 0, "round": 1}
AT_PLACE = [f"--{name}={value}" for name, value in PLACE.items()]
PROMPTS, N = 128, 8  # four batches of the transformers engine


def start_and_kill(command, kept, output, seconds="0.1"):
    """Start a command and end it with SIGKILL, its children too, as soon as a file that `kept` matches is there."""
    folder, pattern = kept
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "SCOPE_KEEP_SECONDS": seconds}
    process = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    alive = process.poll() is None
    launcher = psutil.Process(process.pid)
    for one in (*launcher.children(recursive=True), launcher):  # torchrun's ranks are in sessions of their own
        one.kill()
    said = process.communicate()[0]
    assert alive, f"it was over before anything was kept:\n{said[-3000:]}"
    assert list(folder.glob(pattern)), said[-3000:]
    assert not output.exists(), "a killed attempt left an output"


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# Rows: rollout, score, evaluate.


def prompt_rows(count):
    return [
        {"prompt_id": f"p{i:03d}", "problem": "99=18:", "answer": "18", "source": "s", "domain": "puzzle",
         "tests": None, "prompt_token_ids": [3 + i % 10, 14, 3 + i % 7, 5]} for i in range(count)]  # fmt: skip


@pytest.fixture(scope="module")
def world(tiny, tmp_path_factory):
    """Prompts, and what an unbroken rollout and an unbroken score make of them."""
    root = tmp_path_factory.mktemp("world")
    artifacts.write(root / "prompts.parquet", "prompts", prompt_rows(PROMPTS), recipe=RECIPE)
    run(*rollout(tiny, root, root / "rollouts.parquet"))
    rows = artifacts.read(root / "rollouts.parquet", "rollouts").select("prompt_id", "sample_index")
    verdicts = rows.with_columns(correct=pl.col("sample_index") == 0, extracted=pl.lit(None), reason=pl.lit("wrong"))
    artifacts.write(root / "verdicts.parquet", "verdicts", verdicts, recipe=RECIPE, **PLACE)
    run(*score(tiny, root, root / "scores.parquet"))
    return root


def rollout(tiny, world, out, temperature=1.0, seed=0):
    settings = {
        "rollout": {"engine": "transformers", "n": N, "temperature": temperature, "max_tokens": 24, "shards": 1},
        "behaviour": "student", "student_temperature": 1.0, "models.dtype": "float32", "data.max_prompt_tokens": 8,
        "prompts_per_round": PROMPTS}  # fmt: skip
    return [sys.executable, ROOT / "scripts/rollout.py", "--prompts", world / "prompts.parquet", *AT_PLACE,
            f"--seed={seed}", "--policy", tiny["student"], "--out", out,
            "--recipe", make_recipe("rollout", settings)]  # fmt: skip


def score(tiny, world, out, temperature=1.0):
    teacher = {"backend": "in_job", "model": None, "pack_tokens": 64}
    scorer = {"model": "teacher", "scored": "incorrect", "temperature": temperature, "teacher": teacher}
    files = [f"--{name}={world / name}.parquet" for name in ("prompts", "rollouts", "verdicts")]
    return [sys.executable, ROOT / "scripts/score.py", *files, *AT_PLACE, "--scorer", tiny["teacher"], "--out", out,
            "--recipe", make_recipe("score", {"scorer": scorer, "models.dtype": "float32"})]  # fmt: skip


def parts_of(out, name):
    return sorted((folder_of(out) / name).glob("*.parquet"))


@pytest.mark.real
@pytest.mark.parametrize(("stage", "kind"), [(rollout, "rollouts"), (score, "scores")])
def test_a_killed_stage_goes_on_and_its_rows_are_those_of_an_unbroken_run(stage, kind, tiny, world, tmp_path):
    out = tmp_path / "0.parquet"
    start_and_kill(stage(tiny, world, out), (folder_of(out), f"{kind}/*.parquet"), out)
    kept = sum(len(artifacts.read(part, kind)) for part in parts_of(out, kind))
    done = run(*stage(tiny, world, out))
    total = PROMPTS * (N if kind == "rollouts" else N - 1)
    assert 0 < kept < total
    assert f"resume: {kept:,} of {total:,} {kind} are there from an attempt before" in done.stderr
    assert out.read_bytes() == (world / f"{kind}.parquet").read_bytes()
    assert not folder_of(out).exists()


@pytest.mark.real
@pytest.mark.slow
def test_another_temperature_or_seed_starts_fresh_and_says_so(tiny, world, tmp_path):
    out = tmp_path / "0.parquet"
    start_and_kill(rollout(tiny, world, out), (folder_of(out), "rollouts/*.parquet"), out)
    left = tmp_path / "left"
    shutil.copytree(folder_of(out), left)
    done = run(*rollout(tiny, world, out, temperature=0.7))
    assert f"resume: starts fresh, {folder_of(out)} is removed: " in done.stderr
    assert "setting rollout.temperature: 1.0 -> 0.7" in done.stderr
    assert "from an attempt before" not in done.stderr
    assert artifacts.metadata(out)["temperature"] == 0.7
    shutil.copytree(left, folder_of(out))
    assert "is removed: setting seed: 0 -> 1" in run(*rollout(tiny, world, out, seed=1)).stderr
    assert not folder_of(out).exists()


@pytest.fixture
def making(tmp_path):
    """An input and an output, and a way to take up the output's unfinished work."""
    (tmp_path / "input").write_text("1")
    arguments = {"recipe": make_recipe("weigh", {"objective.tau": 1}), "inputs": [tmp_path / "input"], "seed": 0}

    def again(**changes):
        return take_up(tmp_path / "out.parquet", **{**arguments, **changes})

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
def test_another_making_removes_what_was_kept_and_says_what_changed(making, tmp_path, capsys, change, said):
    (making().folder / "kept").write_text("1")
    work = making(**change(tmp_path))
    assert not (work.folder / "kept").exists()
    told = capsys.readouterr().err
    assert told.startswith(f"resume: starts fresh, {work.folder} is removed: ")
    assert said.format(folder=tmp_path) in told


def test_edited_code_starts_fresh_and_names_the_module(making, tmp_path, monkeypatch, capsys):
    (making().folder / "kept").write_text("1")
    edited = {**provenance.modules("weigh.py"), "scope/weights.py": "0" * 16}
    monkeypatch.setattr(provenance, "modules", lambda script: edited)
    assert not (making().folder / "kept").exists()
    assert "is removed: code: scope/weights.py changed" in capsys.readouterr().err


class Scripted(Engine):
    """Draws what it is told, and writes down what it was asked for."""

    def __init__(self, samples):
        self.samples, self.asked = samples, []

    def sample_each(self, requests, draw, done=()):
        self.asked.append([index for index in range(len(requests)) if index not in done])
        for index in self.asked[-1]:
            if isinstance(self.samples[index], Exception):
                raise self.samples[index]
            yield index, self.samples[index]


GOOD, KEYS = Sample([5, 1], [-0.5, -0.25], "x", "stop"), [("p", 0), ("p", 1), ("q", 0), ("q", 1)]


def draw_scripted(samples, work):
    engine = Scripted(samples)
    rows = sample_rows(engine, KEYS, [None] * len(KEYS), Draw(1.0, 8), work, "rollouts")
    return engine, rows


@pytest.mark.parametrize("seconds", ["0", "1000"])
@pytest.mark.parametrize("bad", [RuntimeError("engine died"), Sample([5], [float("nan")], "x", "stop")])
def test_rows_before_a_fault_are_kept_and_a_bad_one_never_is(making, monkeypatch, seconds, bad):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", seconds)
    with pytest.raises((RuntimeError, InputError)):
        draw_scripted([GOOD, GOOD, bad, GOOD], making())
    engine, rows = draw_scripted([None, None, GOOD, GOOD], making())
    assert engine.asked == [[2, 3]]
    assert [(row["prompt_id"], row["sample_index"]) for row in rows] == KEYS
    assert all(row["logprobs"] == GOOD.logprobs for row in rows)


def test_a_damaged_part_is_computed_again_and_one_of_another_making_too(making, monkeypatch, capsys):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "0")
    _, whole = draw_scripted([GOOD] * 4, making())
    folder = making().folder / "rollouts"
    damaged, foreign = folder / "2.parquet", folder / "98.parquet"
    rows = artifacts.read(folder / "3.parquet", "rollouts")
    spoilt = rows.with_columns(response_text=pl.lit("not what was drawn"))
    artifacts.write(foreign, "rollouts", spoilt, recipe=RECIPE, identity="another")
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (folder / ".99.parquet.tmp-1").write_text("half of a part")
    engine, again = draw_scripted([None, GOOD, None, None], making())
    assert (engine.asked, again) == ([[1]], whole)
    said = capsys.readouterr().err
    for part in (damaged, foreign):
        assert f"resume: {part} is damaged, or of another making: it is removed" in said


def test_all_rows_there_ask_for_nothing(making):
    draw_scripted([GOOD] * 4, making())
    assert draw_scripted([None] * 4, making())[0].asked == [[]]


def test_two_ways_of_sampling_keep_apart(making):
    work = making()
    for name, text in (("samples-T1", "one"), ("samples-T1-b", "two")):
        engine = Scripted([Sample([5, 1], [-0.5, -0.25], text, "stop")] * 4)
        rows = sample_rows(engine, KEYS, [None] * 4, Draw(1.0, 8), work, name)
        assert engine.asked == [[0, 1, 2, 3]]
        assert {row["response_text"] for row in rows} == {text}


def test_rows_are_kept_at_intervals_not_one_by_one(making, monkeypatch):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "1000")
    work, keys = making(), [("p", i) for i in range(100)]
    finish = lambda done: (  # noqa: E731
        (i, {"prompt_id": "p", "sample_index": i, "teacher_logprobs": [-1.0]}) for i in range(100) if i not in done
    )
    keep_rows(work, "scores", "scores", keys, finish)
    assert len(list((work.folder / "scores").iterdir())) == 1


def test_an_interval_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("SCOPE_KEEP_SECONDS", "often")
    with pytest.raises(InputError, match="SCOPE_KEEP_SECONDS is 'often'; write a number of seconds"):
        Timer(1)


def test_an_engine_skips_batches_that_are_done_and_draws_the_others_alike(tiny, monkeypatch):
    from scope.engines import Request, transformers

    monkeypatch.setattr(transformers, "BATCH", 4)
    engine = transformers.TransformersEngine(tiny["student"].parent, dtype="float32", max_model_len=32)
    requests, draw = [Request([3 + i % 9, 14, 5], i) for i in range(14)], Draw(1.0, 8)
    whole, sizes, batch = engine.sample(requests, draw), [], engine._batch
    monkeypatch.setattr(engine, "_batch", lambda asked, draw: sizes.append(len(asked)) or batch(asked, draw))
    done = {*range(4, 8), 9, 13}
    drawn = dict(engine.sample_each(requests, draw, done))
    assert sizes == [4, 4, 2], "batches of all requests, the done one left out"
    assert drawn == {index: whole[index] for index in set(range(14)) - done}


def test_scores_of_pairs_that_are_done_are_not_asked_for(tiny):
    from scope.forward import Pair
    from scope.teachers import open_teacher

    in_job = Settings({"backend": "in_job", "model": None, "pack_tokens": 16})
    teacher = open_teacher(in_job, tiny["teacher"], dtype="float32", temperature=1.0)
    pairs = [Pair([3, 14], [5 + i % 3, 4, 1]) for i in range(12)]
    whole, done = teacher.score(pairs), {0, 1, 2, 7}
    assert dict(teacher.score_each(pairs, done)) == {i: whole[i] for i in range(12) if i not in done}


@pytest.mark.real
@pytest.mark.slow
def test_vllm_yields_each_index_once_and_asks_for_none_that_is_done(tiny):
    asked = {"requests": [[[3 + i % 10, 14, 5], i] for i in range(12)], "draw": {"temperature": 1.0, "max_tokens": 12},
             "tempered": True, "done": [1, 5, 11]}  # fmt: skip
    done = subprocess.run(
        [sys.executable, ROOT / "tests/draw.py", "vllm", tiny["student"].parent], input=json.dumps(asked), text=True,
        capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("SAMPLES", "EACH")))
    whole, each = json.loads(lines["SAMPLES"]), json.loads(lines["EACH"])
    assert sorted(index for index, _ in each) == [i for i in range(12) if i not in asked["done"]]
    assert [sample["token_ids"] for _, sample in sorted(each, key=lambda one: one[0])] == [
        whole[i]["token_ids"] for i in range(12) if i not in asked["done"]
    ]


# Steps: update.

STEPS = 12


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Twelve steps of SCOPE on made-up rollouts, and the policy that they start from."""
    root = tmp_path_factory.mktemp("batch")
    manifest = root / "student/manifest.json"
    student = tiny_model(1)
    folder = folders.fresh(manifest)
    student.save_pretrained(folder)
    from scope.tokenizers import character_tokenizer

    character_tokenizer().save_pretrained(folder)
    folders.seal(manifest, recipe=RECIPE)
    rows = weigh(
        scored_by(made_up_round({f"p{i:02d}": "1100" for i in range(STEPS)}), student, tiny_model(2)), objective_of(), 1
    )
    losses = {"kl": "sampled", "opd_clip": None, "pg_clip": 0.2, "kl_coefficient": None}
    artifacts.write(root / "batch.parquet", "batch", rows, recipe=RECIPE, losses=losses, **PLACE)
    return root


def update(batch, place, ranks=1, stage=1, rate=1e-3):
    section = Update(
        steps_per_round=STEPS, prompts_per_step=1, learning_rate=rate, micro_batch_tokens=64, ranks=ranks,
        deepspeed={"zero_optimization": {"stage": stage}}).model_dump()  # fmt: skip
    settings = {"update": section, "student_temperature": 1.0, "teacher_temperature": None, "models.dtype": "float32"}
    return [sys.executable, ROOT / "scripts/update.py", "--batch", batch / "batch.parquet", *AT_PLACE,
            "--policy", batch / "student/manifest.json", "--out-policy", place / "policy/manifest.json",
            "--out-state", place / "state/manifest.json", "--out-metrics", place / "metrics.parquet",
            "--recipe", make_recipe("update", settings)]  # fmt: skip


def kill_update(command, place):
    kept = (place / ".update.unfinished", "step*/manifest.json")
    start_and_kill(command, kept, place / "metrics.parquet", seconds="0")
    assert not (place / "policy/manifest.json").exists()


def check_equal_to_unbroken(place, whole):
    """Policy, state and metrics have the same bytes; every step is there once."""
    for name in ("policy", "state"):
        files = [folders.read_manifest(root / name / "manifest.json")["files"] for root in (place, whole)]
        assert files[0] == files[1]
    for name in ("metrics.parquet", "metrics.jsonl"):
        assert (place / name).read_bytes() == (whole / name).read_bytes()
    assert artifacts.read(place / "metrics.parquet", "metrics")["step"].to_list() == list(range(1, STEPS + 1))
    assert not (place / ".update.unfinished").exists()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "stage"), [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)])
def test_a_killed_update_goes_on_and_equals_an_unbroken_one_bit_by_bit(ranks, stage, batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole, ranks, stage))
    kill_update(update(batch, place, ranks, stage), place)
    (place / "metrics.jsonl").unlink()  # as it is deleted before every attempt
    done = run(*update(batch, place, ranks, stage))
    assert f" of {STEPS} steps are there from an attempt before" in done.stderr
    check_equal_to_unbroken(place, whole)


@pytest.mark.real
@pytest.mark.slow
def test_a_checkpoint_that_is_damaged_or_half_written_is_removed(batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole))
    kill_update(update(batch, place), place)
    manifest = max((place / ".update.unfinished").glob("step*/manifest.json"), key=os.path.getmtime)
    flip_a_byte(next(manifest.parent.rglob("*optim_states.pt")))
    half = place / ".update.unfinished/step99/state"
    half.mkdir(parents=True)
    (half / "mp_rank_00_model_states.pt").write_text("half of it")
    done = run(*update(batch, place))
    assert f"resume: {manifest.parent} is no whole checkpoint of this update and is removed" in done.stderr
    assert f"resume: {half.parent} is no whole checkpoint of this update and is removed" in done.stderr
    check_equal_to_unbroken(place, whole)


@pytest.mark.real
@pytest.mark.slow
def test_another_learning_rate_starts_fresh_and_says_so(batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole, rate=2e-3))
    kill_update(update(batch, place), place)
    done = run(*update(batch, place, rate=2e-3))
    assert "is removed: setting update.learning_rate: 0.001 -> 0.002" in done.stderr
    assert "from an attempt before" not in done.stderr
    check_equal_to_unbroken(place, whole)


def test_wandb_gets_no_step_twice_and_the_lines_have_each_once(making, tmp_path, monkeypatch):
    from scope.tracking import Tracker

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


# What others see of it.


def test_unfinished_work_is_no_artifact(tmp_path, monkeypatch):
    from scope.integrity import find_artifacts

    monkeypatch.chdir(tmp_path)
    out = tmp_path / "results/demo/scope/seed0/round1/rollout/0.parquet"
    work = take_up(out, RECIPE, [], seed=0)
    draw_scripted([GOOD] * 4, work)
    artifacts.write(out.with_name("1.parquet"), "scores", [], recipe=RECIPE)
    (found,) = find_artifacts("results").values()
    assert [path.rsplit("/", 1)[1] for path in found] == ["1.parquet"]
    assert is_unfinished(work.folder / "rollouts/1.parquet")
    assert not is_unfinished(out)


@pytest.mark.real
@pytest.mark.slow
def test_a_run_killed_in_an_update_takes_up_its_steps_under_the_workflow(tmp_path):
    """The interval comes from the configuration, and what is kept outlives the deletion of declared outputs."""
    steps = {"steps_per_round": 4, "prompts_per_step": 2, "ranks": 1, "micro_batch_tokens": 128}
    laid_over = {"resume": {"every_s": 0}, "update": steps, "rollout": {"engine": "transformers", "shards": 1}}
    folder = checkout(tmp_path)
    (folder / "resume.json").write_text(json.dumps(laid_over))
    world = ["--configfile", "tests/configs/smallest.yaml", "resume.json", "--until", "update"]
    snakemake(folder, *world)
    unbroken, round_ = digests(folder), folder / "results/smallest/scope/seed0/round1"
    process = snakemake(folder, *world, "--forcerun", "update", wait=False)
    while not list(round_.glob(".update.unfinished/step*/manifest.json")) and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, "the update ended before it could be killed"
    kill_all(folder)
    process.wait()
    assert not (round_ / "policy/manifest.json").exists()
    snakemake(folder, *world)
    assert "of 4 steps are there from an attempt before" in (round_ / "logs/update.log").read_text()
    assert digests(folder) == unbroken


@pytest.mark.real
@pytest.mark.slow
def test_a_killed_evaluation_goes_on_and_equals_an_unbroken_one(tiny, world, tmp_path):
    samplings = {"T1": {"temperature": 1.0}, "T0.6": {"temperature": 0.6, "top_p": 0.95, "top_k": 20}}
    settings = {
        "evaluation.engine": "transformers", "evaluation.n": N, "evaluation.max_tokens": 24, "evaluation.seed": 0,
        "evaluation.samplings": samplings, "models.dtype": "float32", "data.max_prompt_tokens": 8}  # fmt: skip
    evaluate = lambda out: [  # noqa: E731
        sys.executable, ROOT / "scripts/evaluate.py", "--problems", world / "prompts.parquet", "--benchmark", "coins",
        "--policy", tiny["student"], "--label", "base", "--out", out,
        "--recipe", make_recipe("evaluate", settings)]  # fmt: skip
    whole, out = tmp_path / "whole.parquet", tmp_path / "coins.parquet"
    run(*evaluate(whole))
    start_and_kill(evaluate(out), (folder_of(out), "samples-T1/*.parquet"), out)
    done = run(*evaluate(out))
    assert f"of {PROMPTS * N:,} samples-T1 are there from an attempt before" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    assert not folder_of(out).exists()
