"""The stages `verify` and `grade` end to end, on small files of one domain each."""

import subprocess
import sys
from pathlib import Path

import pytest

import scope
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.digests import file_digest
from scope.artifacts.recipe import make_recipe

pytestmark = pytest.mark.real
SCRIPTS = Path(scope.__file__).parent.parent
RECIPE = make_recipe("verify_math", {})

PROMPTS = [
    {"prompt_id": "a", "problem": "12=3:", "answer": "0", "domain": "puzzle"},
    {"prompt_id": "b", "problem": "Half of 14?", "answer": "7", "domain": "math"},
]
ROLLOUTS = [
    {"prompt_id": "b", "sample_index": 0, "response_text": r"\boxed{7}"},
    {"prompt_id": "b", "sample_index": 1, "response_text": r"It is \boxed{8}"},
    {"prompt_id": "b", "sample_index": 2, "response_text": r"\boxed{7} or \boxed{\frac", "finish_reason": "length"},
    {"prompt_id": "b", "sample_index": 3, "response_text": "7"},
    {"prompt_id": "a", "sample_index": 0, "response_text": "-1=2;-2=0"},
    {"prompt_id": "a", "sample_index": 1, "response_text": "-1=2;-1=1"},
]
VERDICTS = [
    ("b", 0, True, "7", "correct"),
    ("b", 1, False, "8", "wrong"),
    ("b", 2, True, "7", "correct"),
    ("b", 3, False, None, "no_box"),
]
ON_COINS = [("a", 0, True, "0", "correct"), ("a", 1, False, "-1=1", "digit_not_given")]


def write_prompts(path, prompts):
    shared = {"source": "test", "tests": None, "prompt_token_ids": [1]}
    parquet.write(path, SCHEMAS["prompts"], [shared | row for row in prompts], recipe=RECIPE)


def write_rollouts(path, rollouts):
    shared = {"response_token_ids": [1, 2], "logprobs": [-0.5, -0.5], "finish_reason": "stop"}
    rows = [shared | row for row in rollouts]
    parquet.write(path, SCHEMAS["rollouts"], rows, recipe=RECIPE, arm="scope", seed=3, round=2, note=1)


@pytest.fixture
def files(tmp_path):
    return write_inputs(tmp_path)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A folder in which `verify` ran, and how it ended."""
    folder = write_inputs(tmp_path_factory.mktemp("verify"))
    return folder, run_verify(folder)


def of(domain):
    """The prompts of one domain, and the rollouts of these."""
    ids = [prompt["prompt_id"] for prompt in PROMPTS if prompt["domain"] == domain]
    return [p for p in PROMPTS if p["prompt_id"] in ids], [r for r in ROLLOUTS if r["prompt_id"] in ids]


def write_inputs(folder, domain="math"):
    prompts, rollouts = of(domain)
    write_prompts(folder / "prompts.parquet", prompts)
    write_rollouts(folder / "rollouts.parquet", rollouts)
    return folder


def run_verify(folder, out="verdicts.parquet", domain="math", rollouts="rollouts.parquet"):
    script = f"verify_{domain}"
    command = [sys.executable, SCRIPTS / f"{script}.py", "--recipe", make_recipe(script, {}), "--workers", "2"]
    command += ["--prompts", "prompts.parquet", "--rollouts", rollouts, "--out", out]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_every_rollout_gets_its_verdict(judged):
    folder, done = judged
    assert done.returncode == 0, done.stderr
    assert parquet.read(folder / "verdicts.parquet", SCHEMAS["verdicts"]).rows() == VERDICTS
    assert "4 verdicts (2 correct, 1 no_box, 1 wrong)" in done.stderr
    assert done.stdout == ""


def test_each_domain_has_a_verifier_of_its_own(files):
    write_inputs(files, "puzzle")
    assert run_verify(files, domain="puzzle").returncode == 0
    assert parquet.read(files / "verdicts.parquet", SCHEMAS["verdicts"]).rows() == ON_COINS
    done = run_verify(files)
    assert done.returncode == 2
    assert "domain 'puzzle' has no verifier; prompts may have one of math" in done.stderr


def test_samples_on_a_benchmark_are_graded(files):
    place = {"policy": "base", "seed": None, "round": None}
    samples = [
        {key: row[key] for key in ("prompt_id", "sample_index", "response_text")}
        | {"tokens": 2 + row["sample_index"], "finish_reason": row.get("finish_reason", "stop")}
        for row in of("math")[1]
    ]
    path = files / "0.samples.parquet"
    parquet.write(path, SCHEMAS["samples"], samples, recipe=RECIPE, **place, benchmark="aime", sampling="T1")
    done = run_verify(files, "0.parquet", rollouts=path.name)
    assert done.returncode == 0, done.stderr
    graded = parquet.read(files / "0.parquet", SCHEMAS["evaluation"])
    assert graded.select("prompt_id", "sample_index", "correct", "extracted", "reason").rows() == VERDICTS
    assert graded.select("benchmark", "sampling").unique().rows() == [("aime", "T1")]
    assert graded["tokens"].to_list() == [2, 3, 4, 5]
    assert graded["finish_reason"].to_list() == ["stop", "stop", "length", "stop"]
    assert {key: parquet.metadata(files / "0.parquet")[key] for key in place} == place


def test_verdicts_carry_where_they_came_from(judged):
    folder, _ = judged
    facts = parquet.metadata(folder / "verdicts.parquet")
    assert {key: facts.get(key) for key in ("arm", "seed", "round", "note")} == {
        "arm": "scope",
        "seed": 3,
        "round": 2,
        "note": None,
    }
    names = ("prompts.parquet", "rollouts.parquet")
    assert facts["inputs"] == {name: file_digest(folder / name) for name in names}


def test_equal_input_gives_equal_bytes(judged):
    folder, _ = judged
    assert run_verify(folder, "again.parquet").returncode == 0
    assert (folder / "again.parquet").read_bytes() == (folder / "verdicts.parquet").read_bytes()


def test_no_rollouts_give_no_verdicts(files):
    write_rollouts(files / "rollouts.parquet", [])
    done = run_verify(files)
    assert done.returncode == 0, done.stderr
    assert len(parquet.read(files / "verdicts.parquet", SCHEMAS["verdicts"])) == 0


def test_a_box_of_a_million_digits_is_stored_clipped(files):
    write_rollouts(files / "rollouts.parquet", [ROLLOUTS[0] | {"response_text": rf"\boxed{{{'1' * 10**6}}}"}])
    assert run_verify(files).returncode == 0
    assert parquet.read(files / "verdicts.parquet", SCHEMAS["verdicts"]).rows() == [
        ("b", 0, False, "1" * 1000, "too_long")
    ]


BAD_INPUT = [
    ({"prompt_id": "lost"}, {}, ["rollouts.parquet", "'lost'", "prompts.parquet"]),
    ({"response_token_ids": [], "logprobs": []}, {}, ["rollouts.parquet", "'b'", "sample_index 0", "`rollout` again"]),
    ({}, {"domain": "poetry"}, ["'poetry'", "math"]),
]


@pytest.mark.parametrize(("rollout", "prompt", "named"), BAD_INPUT)
def test_bad_input_is_named_and_writes_nothing(files, rollout, prompt, named):
    write_prompts(files / "prompts.parquet", [row | prompt for row in of("math")[0]])
    write_rollouts(files / "rollouts.parquet", [ROLLOUTS[0] | rollout])
    done = run_verify(files)
    assert done.returncode == 2
    assert all(part in done.stderr for part in named), done.stderr
    assert "Traceback" not in done.stderr
    assert not (files / "verdicts.parquet").exists()


def test_a_problem_that_is_not_valid_is_named(files):
    write_inputs(files, "puzzle")
    write_prompts(files / "prompts.parquet", [PROMPTS[0] | {"problem": "1+2=3"}])
    done = run_verify(files, domain="puzzle")
    assert done.returncode == 2
    assert "'1+2=3'" in done.stderr
    assert "Coins" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (files / "verdicts.parquet").exists()


def test_a_tolerance_goes_with_its_prompt(files):
    write_prompts(files / "prompts.parquet", [{**PROMPTS[1], "tolerance": 1.0}])
    assert run_verify(files).returncode == 0
    verdicts = parquet.read(files / "verdicts.parquet", SCHEMAS["verdicts"])
    assert verdicts.filter(prompt_id="b")["correct"].to_list() == [True, True, True, False]
