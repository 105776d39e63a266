"""Evaluations: shards, samplings, the table of one policy, and the logs that others can audit."""

import hashlib
import json
import sys

import polars as pl
import pytest

import evaluate
import export
from conftest import ROOT, run
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe, read_recipe
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.samples import SAMPLES
from scope.evaluate.export_recipe import ExportSettings
from scope.evaluate.lm_eval import results, sample_lines
from scope.evaluate.recipe import EvaluateRecipe
from scope.planning.recipes import grading_recipe
from scope.report.summary import summary
from scope.rollout.engine import Request, Sampling
from scope.seeds import derive_seed

SAMPLINGS = {
    "T1": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0},
    "T0.6": {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.0},
}
EXPORTED = {"engine": "transformers", "n": 3, "max_tokens": 6, "sampling": SAMPLINGS}
SETTINGS = {**EXPORTED, "seed": 0, "shards": 1}
N = SETTINGS["n"]
KEY = ["prompt_id", "sample_index"]
RECIPE = make_recipe("weigh", {})


def recipe(**changes):
    settings = {"evaluation": {**SETTINGS, **changes}, "models": {"dtype": "float32"}, "data": {"max_prompt_tokens": 8}}
    return make_recipe("evaluate", settings)


def prompts_file(path, count):
    rows = [{"prompt_id": f"p{i}", "problem": "99=18:", "answer": "18", "source": "s", "domain": "puzzle",
             "tests": None, "prompt_token_ids": [3 + i, 14, 5]} for i in range(count)]  # fmt: skip
    parquet.write(path, PROMPTS, rows, recipe=RECIPE)
    return path


def arguments(policy, problems, out, **changes):
    place = ["--benchmark", "coins", "--sampling", "T1", "--label", "base"]
    return ["--problems", problems, *place, "--policy", policy, "--out", out, "--recipe", recipe(**changes)]


@pytest.fixture
def evaluated(tiny, tmp_path, monkeypatch):
    """Sample the tiny student on three problems in this process; returns the rows."""

    def call(name, *more, **changes):
        out, problems = tmp_path / name, prompts_file(tmp_path / "coins.parquet", 3)
        given = ["evaluate.py", *arguments(tiny["student"], problems, out, **changes), *more]
        monkeypatch.setattr(sys, "argv", list(map(str, given)))
        evaluate.main()
        return parquet.read(out, SAMPLES)

    return call


@pytest.mark.real
def test_shards_together_are_the_whole_evaluation(evaluated):
    parts = [evaluated(f"{shard}.parquet", "--shard", shard, shards=2) for shard in (0, 1)]
    assert [len(part) for part in parts] == [2 * N, N]
    keys = list(SAMPLES.sort_keys)
    assert pl.concat(parts).sort(keys).equals(evaluated("whole.parquet"))


@pytest.mark.real
def test_a_shard_that_is_none_is_refused(tiny, tmp_path):
    asked = arguments(tiny["student"], tmp_path / "none", tmp_path / "out.parquet", shards=2)
    done = run(sys.executable, ROOT / "scripts/evaluate.py", *asked, "--shard", 2, check=False)
    assert done.returncode == 2
    assert "--shard 2: evaluation.shards is 2, so the last one has a lower number" in done.stderr


@pytest.mark.real
def test_samplings_differ_in_their_samples_and_name_themselves(evaluated, tmp_path):
    one, other = (evaluated(f"{name}.parquet", "--sampling", name) for name in SAMPLINGS)
    assert one["response_text"].to_list() != other["response_text"].to_list()
    assert [parquet.metadata(tmp_path / f"{name}.parquet")["sampling"] for name in SAMPLINGS] == list(SAMPLINGS)


@pytest.mark.real
def test_a_sample_is_that_of_its_seed_and_holds_what_the_engine_gave(evaluated, tiny):
    """The seed of a sample hashes evaluation.seed, benchmark, sampling, prompt and index: figures stay as they are."""
    rows = evaluated("seeded.parquet")
    engine = evaluate.open_policy(tiny["student"], read_recipe(recipe(), EvaluateRecipe))
    ids = {f"p{i}": [3 + i, 14, 5] for i in range(3)}
    asked = [Request(ids[p], derive_seed(0, "coins", "T1", p, i)) for p, i in rows.select(KEY).rows()]
    samples = engine.sample(asked, Sampling(temperature=1.0, max_tokens=6))
    got = rows.select("response_text", "tokens", "finish_reason").rows()
    assert got == [(one.text, len(one.token_ids), one.finish_reason) for one in samples]


@pytest.mark.real
def test_a_sampling_that_the_recipe_lacks_is_refused(tiny, tmp_path):
    asked = arguments(tiny["student"], tmp_path / "none", tmp_path / "out.parquet")
    done = run(sys.executable, ROOT / "scripts/evaluate.py", *asked, "--sampling", "T2", check=False)
    assert done.returncode == 2
    assert "--recipe has no setting evaluation.sampling.T2" in done.stderr


def test_a_shard_without_problems_is_an_empty_file(evaluated):
    assert evaluated("4.parquet", "--shard", 4, shards=5).is_empty()


def test_one_way_of_sampling_has_no_bearing_on_another(config):
    changed = config.model_copy(deep=True)
    sampling = changed.evaluation.sampling["T1"].model_copy(update={"top_k": 7})
    changed.evaluation.sampling["T1"] = sampling
    assert grading_recipe(config, "T1") != grading_recipe(changed, "T1")
    assert grading_recipe(config, "T0.6") == grading_recipe(changed, "T0.6")


@pytest.fixture
def config():
    from scope.config.experiment import open_config

    return open_config(ROOT / "config/config.yaml")


def graded(path, policy="base", benchmark="coins", marks=("110", "000"), reasons=("correct", "wrong")):
    """An evaluation file: a text of marks per problem, one a sample."""
    rows = [
        {"sampling": "T1", "benchmark": benchmark, "prompt_id": f"p{p}", "sample_index": s, "correct": mark == "1",
         "reason": reasons[mark == "0"], "tokens": 10 * s, "finish_reason": "stop", "extracted": f"{p}"}
        for p, group in enumerate(marks) for s, mark in enumerate(group)
    ]  # fmt: skip
    parquet.write(path, EVALUATION, rows, recipe=RECIPE, policy=policy, seed=None, round=None)
    return path


def sampled(path, n=3):
    """The samples behind an evaluation file of two problems."""
    rows = [
        {"prompt_id": f"p{p}", "sample_index": s, "response_text": f"é {p} {s}", "tokens": 1, "finish_reason": "stop"}
        for p in range(2)
        for s in range(n)
    ]
    parquet.write(path, SAMPLES, rows, recipe=RECIPE)
    return path


def test_grades_without_their_own_samples_are_refused(tmp_path):
    with refused("unmatched-rows", "a.parquet", "b.parquet"):
        export.with_responses([graded(tmp_path / "a.parquet")], [sampled(tmp_path / "b.parquet", n=2)])


def test_the_table_of_a_policy_has_a_row_per_benchmark_and_counts_verdicts(tmp_path):
    files = [graded(tmp_path / "a.parquet"), graded(tmp_path / "b.parquet", benchmark="aime24", marks=("111", "111"))]
    text = summary(files, ["T1"], 200, ["minerva"])
    assert "| coins | T1 | 2 | 33.3 [0.0–66.7] |" in text
    assert "| aime24 | T1 | 2 | 100.0 [15.8–100.0] |" in text
    assert "| coins | T1 | wrong | 4 |\n| coins | T1 | correct | 2 |" in text
    assert "Not evaluated, because the problem file was not found: minerva." in text
    assert "Not evaluated" not in summary(files, ["T1"], 200, [])


def test_a_table_of_two_policies_is_refused(tmp_path):
    files = [graded(tmp_path / f"{policy}.parquet", policy) for policy in ("base", "teacher")]
    with refused("several-policies", "2 policies"):
        summary(files, ["T1"], 200, [])


def test_a_sample_log_holds_every_response_with_its_verdict(tmp_path):
    evaluation, samples = graded(tmp_path / "a.parquet"), sampled(tmp_path / "a.samples.parquet")
    problems = parquet.read(prompts_file(tmp_path / "coins.parquet", 2), PROMPTS)
    rows = export.with_responses([evaluation], [samples])
    settings = ExportSettings.model_validate(EXPORTED)
    lines = [json.loads(line) for line in sample_lines(rows, problems, ["Q0", "Q1"], settings)]
    assert [line["doc_id"] for line in lines] == [0, 1]
    first = lines[0]
    assert first["resps"] == [["é 0 0", "é 0 1", "é 0 2"]]
    assert (first["correct"], first["avg@3"]) == ([True, True, False], pytest.approx(2 / 3))
    generation = {"do_sample": True, "max_gen_toks": 6, **SAMPLINGS["T1"]}
    assert first["arguments"] == {"gen_args_0": {"arg_0": "Q0", "arg_1": generation}}
    # the harness takes SHA-256 of the document as JSON with an indent of two, of the prompt and of the target
    assert first["target_hash"] == hashlib.sha256(b"18").hexdigest()
    assert {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash",
            "prompt_hash", "target_hash"} <= first.keys()  # fmt: skip


def test_the_aggregates_have_standard_errors_over_problems(tmp_path):
    evaluation = parquet.read(graded(tmp_path / "a.parquet"), EVALUATION)
    table = results(evaluation, ExportSettings.model_validate(EXPORTED), "base")
    row = table["results"]["coins"]
    assert row["avg@3,extracted"] == pytest.approx(1 / 3)
    # means 2/3 and 0: sample deviation sqrt(2) / 3, over sqrt(2) problems
    assert row["avg@3_stderr,extracted"] == pytest.approx(1 / 3)
    assert table["n-samples"]["coins"] == {"original": 2, "effective": 2}
