"""Sampling engines: their log-probabilities are the model's, and a sample depends on its own seed alone."""

import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
import torch
from transformers import AutoTokenizer

from conftest import ROOT
from model_folders import edit_json, model_folder, padded_folder
from refusals import refused
from scope.models.end_tokens import end_token_id, end_token_ids
from scope.models.load import load_model, load_tokenizer
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.models.token_ids import token_ids
from scope.rollout.engine import Sample, check_samples
from scope.score.in_process import InProcessTeacher
from scope.seeds import derive_seed

PROMPTS = ["12345=6:", "99=18:", "1357=8:"]
DRAW = {"temperature": 0.6, "max_tokens": 20}


@cache
def samples_of(engine, folder, tempered):
    """Samples of twelve requests, tempered; or of the last eight in another order, by an engine that does not temper.

    Cached, since a start of vLLM takes a while.
    """
    return sample_with(engine, folder, asked_of(folder) if tempered else asked_of(folder)[:3:-1], tempered)


def asked_of(folder):
    tokenizer = load_tokenizer(folder)
    ids = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in PROMPTS]
    return [[ids[i % 3], derive_seed("engine", i)] for i in range(12)]


def sample_with(engine, folder, requests, tempered=True, **changes):
    asked = json.dumps({"requests": requests, "draw": {**DRAW, **changes}, "tempered": tempered})
    command = [sys.executable, ROOT / "tests/sample_process.py", engine, folder]
    done = subprocess.run(command, input=asked, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-4000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("SAMPLES"))
    return [Sample(**sample) for sample in json.loads(line.removeprefix("SAMPLES"))]


@pytest.fixture(scope="module")
def folder(tiny):
    return tiny["student"].parent


@pytest.fixture(scope="module")
def requests(folder):
    return asked_of(folder)


@pytest.mark.real
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
@pytest.mark.parametrize("tempered", [True, False])
def test_logprobs_are_those_of_the_model_at_the_stated_temperature(engine, tempered, folder, requests):
    samples, requests = samples_of(engine, folder, tempered), requests if tempered else requests[:3:-1]
    pairs = [Pair(ids, one.token_ids) for (ids, _), one in zip(requests, samples, strict=True)]
    oracle = dict(score_pairs(load_model(folder, "float32"), pairs, temperature=0.6 if tempered else 1.0, budget=64))
    gaps = [abs(a - b) for i, sample in enumerate(samples) for a, b in zip(sample.logprobs, oracle[i], strict=True)]
    assert max(gaps) < 1e-4
    eos = load_tokenizer(folder).eos_token_id
    for sample in samples:
        assert (sample.token_ids[-1] == eos) == (sample.finish_reason == "stop")
        assert eos not in sample.token_ids[:-1]
        assert len(sample.token_ids) <= 20


@pytest.mark.real
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_a_sample_depends_on_its_seed_not_on_order_company_or_process(engine, folder):
    whole, part = samples_of(engine, folder, True), samples_of(engine, folder, False)
    assert [s.token_ids for s in part] == [s.token_ids for s in whole[:3:-1]]
    assert len({tuple(s.token_ids) for s in whole}) > 6


@pytest.mark.real
@pytest.mark.slow
def test_vllm_samples_where_prompts_exceed_a_batch(folder, requests):
    """More than 8192 prompt tokens at once, and a prompt longer than the rest."""
    long = [[[3 + (i + j) % 10 for j in range(40)], i] for i in range(300)]
    samples = sample_with("vllm", folder, long, max_tokens=4)
    assert all(1 <= len(sample.token_ids) <= 4 for sample in samples)


@pytest.mark.real
def test_the_transformers_engine_samples_from_the_models_distribution(folder, requests):
    ids, n = requests[0][0], 3000
    first = Counter(
        s.token_ids[0] for s in sample_with("transformers", folder, [[ids, i] for i in range(n)], max_tokens=1)
    )
    model = load_model(folder, "float32")
    with torch.no_grad():
        expected = torch.softmax(model(torch.tensor([ids])).logits[0, -1] / 0.6, -1)
    chi2 = sum((first[t] - n * p) ** 2 / (n * p) for t, p in enumerate(expected.tolist()))
    assert chi2 < 50, "16 degrees of freedom: beyond 50 has probability 2e-5"


@pytest.mark.real
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_every_eos_id_of_the_folder_ends_a_response(engine, folder, requests, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    file = tmp_path / "model/generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eos_token_id": [1, 5]}))
    asked = [[requests[0][0], seed] for seed in range(40)]
    ended = [sample for sample in sample_with(engine, tmp_path / "model", asked) if sample.finish_reason == "stop"]
    assert {sample.token_ids[-1] for sample in ended} == {1, 5}
    assert not any({1, 5} & set(sample.token_ids[:-1]) for sample in ended)


def test_end_tokens_are_those_of_tokenizer_and_both_files(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    tokenizer = load_tokenizer(folder)
    assert end_token_ids(folder, tokenizer) == [1]
    (tmp_path / "model/config.json").write_text('{"eos_token_id": 7}')
    (tmp_path / "model/generation_config.json").write_text('{"eos_token_id": [5, 1]}')
    assert end_token_ids(tmp_path / "model", tokenizer) == [1, 5, 7]
    (tmp_path / "model/generation_config.json").write_text('{"eos_token_id": [-1, 5, 17]}')
    assert end_token_ids(tmp_path / "model", tokenizer) == [1, 5, 7], "no token has -1 or 17"
    assert end_token_id(tmp_path / "model", tokenizer) == 1
    tokenizer.eos_token = None
    assert end_token_id(tmp_path / "model", tokenizer) == 5, "the tokenizer names none"
    tokenizer.eos_token = "<eos>"
    (tmp_path / "model/generation_config.json").unlink()
    (tmp_path / "model/config.json").write_text('{"eos_token_id": null}')
    assert end_token_ids(tmp_path / "model", tokenizer) == [1]


@pytest.mark.real
def test_top_k_one_is_greedy(folder, requests):
    same = sample_with("transformers", folder, [[requests[0][0], seed] for seed in range(5)], top_k=1)
    assert len({tuple(sample.token_ids) for sample in same}) == 1


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (Sample([], [], "", "stop"), "empty-response"),
        (Sample([1, 2], [-1.0], "x", "stop"), "invalid-logprobs"),
        (Sample([1], [math.nan], "x", "stop"), "invalid-logprobs"),
        (Sample([1], [-math.inf], "x", "stop"), "invalid-logprobs"),
    ],
)
def test_bad_samples_are_refused(sample, code):
    with refused(code, "sample 1:"):
        list(check_samples(enumerate([Sample([1], [-0.5], "x", "stop"), sample])))


@pytest.mark.real
def test_texts_are_decoded_as_tokenizer_json_describes_whatever_its_label(tmp_path):
    labelled = model_folder(tmp_path / "model", num_attention_heads=2, num_key_value_heads=1, head_dim=32)
    edit_json(labelled / "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast")
    tokenizer = load_tokenizer(labelled)
    prompt = tokenizer("Find $x$\n", add_special_tokens=False)["input_ids"]
    samples = sample_with("vllm", labelled, [[prompt, seed] for seed in range(4)], max_tokens=8)
    assert [s.text for s in samples] == [tokenizer.decode(s.token_ids, skip_special_tokens=True) for s in samples]
    label = AutoTokenizer.from_pretrained(labelled)
    assert [s.text for s in samples] != [label.decode(s.token_ids, skip_special_tokens=True) for s in samples]


@pytest.mark.real
@pytest.mark.parametrize("tempered", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "holes", [pytest.param((), marks=pytest.mark.slow), (2, 5, 11)], ids=["a tail", "a tail and holes"]
)
def test_vllm_samples_no_id_that_the_tokenizer_lacks(tmp_path, holes, tempered):
    padded = padded_folder(tmp_path / "model", holes=holes)
    tokens = token_ids(load_tokenizer(padded))
    asked = [[[8, 9, 10, *[12] * (seed % 3)], seed] for seed in range(20)]
    settings = {} if tempered else {"top_k": 30, "repetition_penalty": 1.2}
    samples = sample_with("vllm", padded, asked, tempered, **settings)
    assert not {token for sample in samples for token in sample.token_ids} & set(tokens.absent(40))
    pairs = [Pair(ids, one.token_ids) for (ids, _), one in zip(asked, samples, strict=True)]
    temperature = 0.6 if tempered else 1.0
    teacher = InProcessTeacher(padded, dtype="float32", temperature=temperature, pack_tokens=64)
    for sample, scores in zip(samples, teacher.score(pairs), strict=True):
        assert sample.logprobs == pytest.approx(scores, abs=1e-4)
