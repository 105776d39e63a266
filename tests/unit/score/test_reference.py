"""The teacher's check on whole models: right ones pass in both number formats, other weights and tokens fail."""

import json
import os
import runpy
import shutil
import sys
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import BIN, RECIPE, ROOT, run
from model_folders import padded_folder
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.folder import write_manifest
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.models.load import load_model, load_tokenizer
from scope.models.token_ids import TokenIds
from scope.score import in_process
from scope.score.reference import TOKENS, continuations, own_pass
from worlds import tiny_model

QUESTIONS = [
    "Tom has 3 apples and buys 5 more. How many has he?", "What is 12 times 7?", "Name a river in France.",
    "Write a haiku about rain.", "Solve x + 3 = 10.", "Explain gravity.", "List three colours.", "Is 17 a prime?",
]  # fmt: skip
SMOLLM = os.environ.get("SCOPE_SMOLLM")
on_the_real_model = pytest.mark.skipif(not SMOLLM, reason="SCOPE_SMOLLM names no folder with SmolLM2-135M-Instruct")
both_dtypes = pytest.mark.parametrize("dtype", ["bfloat16", "float32"])


def seal(source, folder, damage=None):
    """A sealed copy of a model's folder; `damage` changes its weights, by name, in place."""
    shutil.copytree(source, folder)
    if damage:
        weights = load_file(folder / "model.safetensors")
        damage(weights)
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "manifest.json").unlink(missing_ok=True)
    write_manifest(folder / "manifest.json", recipe=RECIPE)
    return folder / "manifest.json"


def write_prompts(path, prompts):
    row = {"problem": "p", "answer": "a", "source": "s", "domain": "math", "tests": None}
    rows = [{"prompt_id": str(i), "prompt_token_ids": ids, **row} for i, ids in enumerate(prompts)]
    parquet.write(path, PROMPTS, rows, recipe=RECIPE)


def words(student, teacher, folder, dtype, engine="vllm"):
    """The command line of a check."""
    settings = {
        "teacher": {"backend": "in_process", "pack_tokens": 1024, "attention": "auto"},
        "models": {"dtype": dtype},
    }
    recipe = make_recipe("check_teacher", {**settings, "rollout": {"engine": engine}})
    files = ["--prompts", folder / "prompts.parquet", "--out", folder / "checks.parquet", "--recipe", recipe]
    return ["scripts/check_teacher.py", "--student", student, "--teacher", teacher, *files]


def test_continuations_are_the_models_own_and_of_known_tokens():
    model, prompts = tiny_model(1), [[3, 4, 5], [6]]
    pairs = continuations(model, prompts, TokenIds(9))
    assert [pair.prompt for pair in pairs] == prompts
    assert all(len(pair.response) == TOKENS and max(pair.response) < 9 for pair in pairs)
    assert continuations(model, prompts, TokenIds(9)) == pairs


def test_the_first_model_has_left_memory_before_another_loads(tiny, tmp_path, monkeypatch):
    alive, loads = [], []

    def load(folder, dtype):
        loads.append(sum(reference() is not None for reference in alive))
        model = load_model(folder, dtype)
        alive.append(weakref.ref(model))
        return model

    monkeypatch.setattr(in_process, "load_model", load)
    write_prompts(tmp_path / "prompts.parquet", [[3 + i, 14, 5] for i in range(4)])
    command = words(tiny["student"], tiny["teacher"], tmp_path, "float32", "transformers")
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    runpy.run_path(str(ROOT / command[0]))["main"]()
    assert loads == [0, 0]


def test_a_teacher_with_more_rows_than_tokens_passes(tmp_path, monkeypatch):
    padded = seal(padded_folder(tmp_path / "model", holes=(5,)), tmp_path / "sealed")
    write_prompts(tmp_path / "prompts.parquet", [[8 + i, 14, 6] for i in range(4)])
    command = words(padded, padded, tmp_path, "float32", "transformers")
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    runpy.run_path(str(ROOT / command[0]))["main"]()
    details = dict(parquet.read(tmp_path / "checks.parquet", CHECKS).select("check", "detail").iter_rows())
    assert "are excluded from scores" in details["absent_tokens"]


def test_the_check_scores_by_the_attention_that_scores_will_have(tiny):
    with refused("unknown-attention", "flash_attention_2"):
        folder = Path(tiny["teacher"]).parent
        own_pass(folder, [[3]], TokenIds(17), dtype="float32", pack_tokens=8, attention="flash_attention_2")


def test_a_model_is_freed_after_an_error_too(tiny, monkeypatch):
    def fail(model, prompts, tokens):
        raise torch.OutOfMemoryError("40 GiB")

    monkeypatch.setattr("scope.score.reference.continuations", fail)
    with pytest.raises(Exception, match="does not fit into this GPU") as caught:
        own_pass(Path(tiny["teacher"]).parent, [[3]], TokenIds(17), dtype="float32", pack_tokens=8)
    assert caught.value.code == "out-of-memory"


@pytest.fixture
def check(tmp_path):
    """Runs the check of a teacher's weights on the real model, and gives its process and the path of the result."""

    def checked(dtype, damage=None, engine="vllm"):
        tokenizer = load_tokenizer(SMOLLM)
        chats = [[{"role": "user", "content": question}] for question in QUESTIONS]
        encode = lambda chat: tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)  # noqa: E731
        write_prompts(tmp_path / "prompts.parquet", [encode(chat) for chat in chats])
        right = seal(SMOLLM, tmp_path / "right")
        command = words(right, right, tmp_path, dtype, engine)
        if damage is None:
            return run(BIN / "python", *command, check=False)
        wrong = seal(SMOLLM, tmp_path / "wrong", damage)
        started = run(BIN / "python", "tests/swapped_check.py", right.parent, wrong.parent, *command, check=False)
        return started

    return checked


@pytest.mark.slow
@pytest.mark.real
@on_the_real_model
@both_dtypes
def test_the_right_teacher_passes(check, tmp_path, dtype):
    done = check(dtype)
    assert done.returncode == 0, done.stderr[-2000:]
    details = dict(parquet.read(tmp_path / "checks.parquet", CHECKS).select("check", "detail").iter_rows())
    assert "in_process and vllm agree" in details["agreement"]
    print(details["agreement"])


def perturb_a_layer(weights):
    torch.manual_seed(0)
    for name, tensor in weights.items():
        if ".layers.15." in name:
            weights[name] = (tensor + 0.3 * tensor.float().std() * torch.randn(tensor.shape)).to(tensor)


def forget_a_layer(weights):
    weights["model.layers.20.mlp.down_proj.weight"].zero_()


def shift_the_tokens(weights):
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"].roll(1, 0).contiguous()


def fine_tune(weights):
    """Another checkpoint of the family: eight steps of AdamW on four short answers."""
    model, tokenizer = load_model(SMOLLM, "float32"), load_tokenizer(SMOLLM)
    ids = [tokenizer(f"{question} The answer is {i}.")["input_ids"] for i, question in enumerate(QUESTIONS[:4])]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for step in range(8):
        one = torch.tensor([ids[step % 4]])
        model(input_ids=one, labels=one).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tuned = model.state_dict()
    weights.update({name: tuned[name].to(tensor.dtype) for name, tensor in weights.items()})


@pytest.mark.real
@on_the_real_model
@both_dtypes
@pytest.mark.parametrize("damage", [fine_tune, perturb_a_layer, forget_a_layer, shift_the_tokens])
@pytest.mark.slow
def test_other_weights_fail(check, tmp_path, damage, dtype):
    done = check(dtype, damage)
    assert done.returncode == 2, done.stderr[-2000:]
    assert "they do not hold the same weights" in done.stderr
    assert not (tmp_path / "checks.parquet").exists()


@pytest.mark.real
@on_the_real_model
def test_a_shifted_tokenizer_fails(tmp_path):
    right = seal(SMOLLM, tmp_path / "right")
    shutil.copytree(SMOLLM, tmp_path / "shifted")
    file = tmp_path / "shifted/tokenizer.json"
    content = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    special = {token["id"] for token in content["added_tokens"]}
    names = [name for name, i in sorted(vocabulary.items(), key=lambda item: item[1]) if i not in special]
    ids = [vocabulary[name] for name in names]
    content["model"]["vocab"] = {**vocabulary, **dict(zip(names, ids[1:] + ids[:1], strict=True))}
    file.write_text(json.dumps(content))
    wrong = tmp_path / "shifted/manifest.json"
    write_manifest(wrong, recipe=RECIPE)
    write_prompts(tmp_path / "prompts.parquet", [[1, 2, 3]])
    done = run(BIN / "python", *words(right, wrong, tmp_path, "bfloat16"), check=False)
    assert done.returncode == 2
    assert "token map: id" in done.stderr
