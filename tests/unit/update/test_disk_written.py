"""The projection of disk use against files that are really written."""

import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from conftest import ROOT
from disk_worlds import MADE, WORLDS, world
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.folder import empty_folder, write_manifest
from scope.artifacts.recipe import make_recipe
from scope.artifacts.weight_headers import Weights
from scope.config.experiment import arm_config
from scope.models.random_init import make_model
from scope.models.recipe import ModelShape
from scope.models.tokenizers import bpe_tokenizer, character_tokenizer
from scope.planning import disk
from scope.planning.disk import project
from scope.planning.random_init import CHARACTERS
from scope.planning.recipes import recipe
from scope.planning.take import take
from scope.update.execution import Execution
from scope.update.recipe import UpdateSettings
from trainers import zero
from worlds import made_up_round, objective_of, table, weigh

pytestmark = pytest.mark.real

STATES = [("float32", 0), ("float32", 1), ("float32", 3), ("bfloat16", 0), ("bfloat16", 2), ("bfloat16", 3)]


def size_of(folder):
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def made(config, name, dtype="float32"):
    """A model of the configuration's shape."""
    shape = ModelShape.model_validate(getattr(config.models, name).random_init.model_dump())
    return make_model(shape, character_tokenizer()).to(getattr(torch, dtype))


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("model", ["student", "teacher"])
def test_parameters_are_those_of_the_made_model(name, model):
    config = arm_config(world(name), "scope")
    assert disk.parameters(config, model, None) == parameters(made(config, model))


def test_parameters_with_a_trained_vocabulary():
    config = arm_config(world(models={"tokenizer": {"kind": "bpe", "vocab_size": 400}}), "scope")
    tokenizer = bpe_tokenizer([file.read_text() for file in (ROOT / "scripts").glob("*.py")], 400)
    shape = ModelShape.model_validate(config.models.student.random_init.model_dump())
    assert disk.parameters(config, "student", None) == parameters(make_model(shape, tokenizer))


def test_the_vocabulary_of_characters_has_the_tokenizers_size():
    assert len(character_tokenizer()) == CHARACTERS


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_policy_is_as_large_as_projected(name, dtype, tmp_path):
    config = arm_config(world(name, models={"dtype": dtype}), "scope")
    made(config, "student", dtype).save_pretrained(tmp_path)
    character_tokenizer().save_pretrained(tmp_path)
    write_manifest(tmp_path / "manifest.json", recipe=recipe(config, "update"))
    assert project({"scope": config}, MADE).per_policy == pytest.approx(size_of(tmp_path), rel=0.1)


def test_made_models_are_as_large_as_projected(tmp_path):
    config = arm_config(world(models={"dtype": "bfloat16"}), "scope")
    for name in MADE:
        made(config, name).save_pretrained(tmp_path / name)
    assert project({"scope": config}, MADE).shared == pytest.approx(size_of(tmp_path), rel=0.1)
    folder = arm_config(world(models={"dtype": "bfloat16", "teacher": {"sft": None}}), "scope")
    assert (
        project({"scope": folder}, {"student": None, "teacher": Weights(10**9, 10**9 // 2)}).shared
        < size_of(tmp_path) / 2
    )


def config_with_state(dtype, stage):
    """The demo in one precision and at one ZeRO stage."""
    raw = world(models={"dtype": dtype}, update={"deepspeed": zero(stage)})
    return arm_config(raw, "kd")


def write_states(folder):
    """One optimizer step of the demo's student and its state, for each precision and stage; in a process of its own."""
    from scope.update.launch import join_ranks

    join_ranks(1)
    from scope.update.loss_settings import LossSettings
    from scope.update.trainer import Trainer

    batch = weigh(made_up_round({"a": "10"}), objective_of("kd"))
    for dtype, stage in STATES:
        config = config_with_state(dtype, stage)
        update = take(UpdateSettings, config.update), take(Execution, config.update)
        trainer = Trainer(made(config, "student", dtype), *update, dtype, LossSettings("sampled", None, 0.2, 0, 1, 1))
        list(trainer.run_round(batch, 0))
        manifest = folder / f"{dtype}{stage}" / "manifest.json"
        trainer.save_state(empty_folder(manifest))
        write_manifest(manifest, recipe=recipe(config, "update"))


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(write_states, folder).result()
    return folder


@pytest.mark.parametrize(("dtype", "stage"), STATES)
def test_a_state_is_as_large_as_projected(states, dtype, stage):
    projection = project({"kd": config_with_state(dtype, stage)}, MADE)
    assert projection.per_state == pytest.approx(size_of(states / f"{dtype}{stage}"), rel=0.1)


def full_round(config, tokenizer):
    """A round in which no response ends early: random tokens and log-probabilities."""
    rng = random.Random(0)
    length, prompt_tokens = config.rollout.max_tokens, config.data.max_prompt_tokens
    logprobs = lambda: [-rng.expovariate(1) for _ in range(length)]  # noqa: E731
    tokens = lambda count: [rng.randrange(3, len(tokenizer)) for _ in range(count)]  # noqa: E731
    order = [f"p{number:05d}" for number in range(config.update.prompts_per_step)]
    rows = [
        {"prompt_id": prompt, "sample_index": index, "response_token_ids": ids, "response_text": tokenizer.decode(ids),
         "logprobs": logprobs(), "scorer_logprobs": logprobs(), "finish_reason": "length",
         "correct": rng.random() < 0.5, "extracted": f"\\frac{{{rng.getrandbits(20)}}}{{{rng.getrandbits(20)}}}",
         "reason": "the answer is another number"}
        for prompt in order for index in range(config.rollout.n) for ids in [tokens(length)]
    ]  # fmt: skip
    prompts = [
        {
            "prompt_id": prompt,
            "prompt_token_ids": tokens(prompt_tokens),
            "domain": "math",
            **dict.fromkeys(("problem", "answer", "source"), ""),
        }
        for prompt in order
    ]
    names = {kind: SCHEMAS[kind].columns.names for kind in ("rollouts", "verdicts", "scores")}
    tables = {kind: table(kind, rows).select(columns) for kind, columns in names.items()}
    return made_up_round({"a": "1"}).but(**tables, prompts=table("prompts", prompts), order=order)


@pytest.mark.parametrize(("tokenizer", "tokens"), [("characters", 1000), ("bpe", 1000), ("characters", 40)])
def test_rollouts_and_batches_hold_a_round_in_which_no_response_ends_early(tokenizer, tokens, tmp_path):
    small = {"steps_per_round": 1, "prompts_per_step": 8}
    config = arm_config(world(rounds=1, update=small, rollout={"max_tokens": tokens}), "opd")
    sources = [file.read_text() for file in (ROOT / "scripts").rglob("*.py")]
    full = full_round(config, bpe_tokenizer(sources, 8000) if tokenizer == "bpe" else character_tokenizer())
    rows = {
        "rollouts": full.rollouts,
        "verdicts": full.verdicts,
        "scores": full.scores,
        "batch": weigh(full, config.objective),
    }
    for kind, frame in rows.items():
        parquet.write(tmp_path / kind, SCHEMAS[kind], frame, recipe=make_recipe("rollout", {}))
    written = {kind: (tmp_path / kind).stat().st_size for kind in rows}
    projection, batch = project({"opd": config}, MADE), written.pop("batch")
    assert sum(written.values()) <= projection.rollouts <= 3 * sum(written.values())
    assert batch <= projection.batches <= 3 * batch
