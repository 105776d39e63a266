"""The projection of disk use: against files that are really written, and its arithmetic."""

import random
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

from conftest import ROOT, run
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.folder import empty_folder, write_manifest
from scope.artifacts.recipe import make_recipe
from scope.config.experiment import arm_config, merge, read_config
from scope.models.random_init import make_model
from scope.models.recipe import ModelShape
from scope.models.tokenizers import bpe_tokenizer, character_tokenizer
from scope.planning import disk
from scope.planning.disk import describe, free_bytes, project, readable
from scope.planning.recipes import recipe
from scope.update.recipe import UpdateSettings
from worlds import made_up_round, objective_of, table, weigh

VARIANTS = ROOT / "config/variants.yaml"
WORLDS = {"demo": ROOT / "config/config.yaml", "smallest": ROOT / "tests/configs/smallest.yaml"}
MADE = {"student": None, "teacher": None}
ONE_STEP = {"steps_per_round": 1}  # no checkpoints
STATES = [("float32", 0), ("float32", 1), ("float32", 3), ("bfloat16", 0), ("bfloat16", 2), ("bfloat16", 3)]


def world(name="demo", **sections):
    """The raw configuration of a shipped world with sections laid over it."""
    return merge(read_config(WORLDS[name], VARIANTS), sections)


def projected(*arms, raw=None, models=MADE, **sections):
    """The projection of the named arms."""
    raw = merge(raw or world(), sections)
    return project({arm: arm_config(raw, arm) for arm in arms}, models)


def size_of(folder):
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def made(config, name, dtype="float32"):
    """A model of the configuration's shape."""
    shape = ModelShape.model_validate(getattr(config.models, name).random_init.model_dump())
    return make_model(shape, character_tokenizer()).to(getattr(torch, dtype))


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


# Against what is really written.


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
    assert len(character_tokenizer()) == disk.CHARACTERS


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
    assert project({"scope": config}, {"student": None, "teacher": 10**9}).shared < size_of(tmp_path) / 2


def config_with_state(dtype, stage):
    """The demo in one precision and at one ZeRO stage."""
    raw = world(models={"dtype": dtype}, update={"deepspeed": {"zero_optimization": {"stage": stage}}})
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
        update = UpdateSettings.model_validate(config.update.model_dump())
        trainer = Trainer(made(config, "student", dtype), update, dtype, LossSettings("sampled", None, 0.2, 0, 1, 1))
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


@pytest.mark.real
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


# What stays, by round.


@pytest.mark.parametrize(
    ("retention", "policies", "states"),
    [
        ({}, 6, 6),
        ({"keep_policies_every": 2, "keep_states_every": 3}, 3, 2),
        ({"keep_policies_every": 4}, 2, 6),
        ({"keep_policies_every": 0, "keep_states_every": 0}, 1, 1),
        ({"keep_policies_every": 7, "keep_states_every": 7}, 1, 1),
        ({"keep_policies_every": 3, "keep_best": True}, 3, 6),
        ({"keep_policies_every": 2, "keep_best": True}, 3, 6),
        ({"keep_policies_every": 0, "keep_states_every": 0, "keep_best": True}, 2, 1),
        ({"keep_best": True}, 6, 6),
    ],
)
def test_what_stays_of_six_rounds_of_which_every_second_is_evaluated(retention, policies, states):
    projection = projected("scope", retention=retention)
    assert projection.policies == policies * projection.per_policy
    assert projection.states == states * projection.per_state


def test_the_best_policy_is_the_last_where_only_that_is_evaluated():
    projection = projected("scope", retention={"keep_policies_every": 0, "keep_best": True}, evaluation={"every": 0})
    assert projection.policies == projection.per_policy


def test_the_end_is_the_sum_of_what_stays():
    projection = projected("scope", "opd", "kd")
    assert projection.end == sum(
        getattr(projection, kind) for kind in ("policies", "states", "rollouts", "batches", "shared")
    )


@pytest.mark.parametrize("retention", [{}, {"keep_best": True}, {"keep_policies_every": 1, "keep_states_every": 1}])
def test_without_deletion_the_peak_is_the_end(retention):
    projection = projected("scope", "kd", update=ONE_STEP, retention=retention)
    assert projection.peak == projection.end


def test_a_round_of_several_steps_has_a_checkpoint_for_every_arm_and_seed_at_the_peak():
    projection = projected("scope", "kd", seeds=[0, 1])
    assert projection.peak - projection.end == 2 * 2 * projection.per_state


def test_at_the_peak_two_policies_and_states_wait_for_every_arm_and_seed():
    projection = projected(
        "scope", "opd", seeds=[0, 1, 2], retention={"keep_policies_every": 0, "keep_states_every": 0}
    )
    waiting = 2 * 3 * 2 * (projection.per_policy + projection.per_state)
    assert projection.peak - projection.end == waiting + 2 * 3 * projection.per_state


def test_no_more_can_wait_than_is_dropped():
    projection = projected(
        "scope", rounds=2, update=ONE_STEP, retention={"keep_policies_every": 0, "keep_states_every": 0}
    )
    assert projection.peak - projection.end == projection.per_policy + projection.per_state


def test_only_the_last_rounds_rollouts_stay_beside_the_shared_ones():
    every, last = (projected("opd", update=ONE_STEP, retention={"keep_rollouts": which}) for which in ("all", "last"))
    of_round = every.rollouts // 6
    assert last.rollouts == 2 * of_round
    assert last.peak - last.end == 2 * of_round
    assert last.batches == every.batches


def test_two_seeds_take_twice_as_much_and_share_the_models():
    one, two = (projected("scope", "opd", "kd", seeds=seeds) for seeds in ([0], [0, 1]))
    doubled = {kind: 2 * getattr(one, kind) for kind in ("policies", "states", "rollouts", "batches")}
    end = sum(doubled.values()) + one.shared
    assert two == replace(one, **doubled, end=end, peak=end + 2 * (one.peak - one.end))


def test_arms_share_the_first_rounds_rollouts_and_with_equal_scorers_its_scores():
    raw = world(rounds=1)
    scope, opd = (projected(arm, raw=raw).rollouts for arm in ("scope", "opd"))
    sampled = disk.rollout_bytes(arm_config(raw, "scope"))
    assert projected("scope", "scope_tau0.5", raw=raw).rollouts == scope
    assert projected("scope", "opd", raw=raw).rollouts == scope + opd - sampled


def test_later_rounds_are_every_arms_own():
    one, two = projected("scope"), projected("scope", "scope_tau0.5")
    assert two.rollouts - one.rollouts == one.rollouts * 5 // 6


def test_arms_that_sample_otherwise_share_nothing():
    raw = world(rounds=1, variants={"hot": {"rollout": {"temperature": 1.5}}})
    assert projected("scope", "hot", raw=raw).rollouts == 2 * projected("scope", raw=raw).rollouts


def test_samples_of_the_teacher_are_shared_in_all_rounds_never_scored_and_never_deleted():
    raw = world(retention={"keep_rollouts": "last"}, variants={"strict": {"objective": {"method": "kd",
                "drop_incorrect": True}}}, update=ONE_STEP)  # fmt: skip
    projection = projected("kd", "strict", raw=raw)
    assert projection.rollouts == 6 * disk.rollout_bytes(arm_config(raw, "kd"))
    assert projection.peak == projection.end
    assert projected("kd", "opd", raw=raw).rollouts == projection.rollouts + projected("opd", raw=raw).rollouts


def test_an_arm_without_scorer_has_no_scores():
    raw = world(rounds=1, variants={"free": {"objective": {"method": "grpo", "kl_coefficient": 0}}})
    assert projected("free", raw=raw).rollouts == disk.rollout_bytes(arm_config(raw, "free"))
    assert projected("free", raw=raw).batches < projected("grpo", raw=raw).batches


def test_models_in_folders_are_not_copied_and_their_weights_are_counted_by_precision():
    folder = {"path": "somewhere", "random_init": None}
    raw = world(models={"dtype": "bfloat16", "student": folder, "teacher": folder})
    projection = projected("scope", raw=raw, models={"student": 3_400_000_000, "teacher": 16_000_000_000})
    assert projection.shared == 0
    assert projection.per_policy == pytest.approx(3.4e9, rel=0.001)
    assert projection.per_state == pytest.approx(1.7e9 * 14, rel=0.001)


def test_the_state_of_an_arm_with_another_stage_counts_if_it_is_larger():
    raw = world(variants={"plain": {"update": {"deepspeed": {"zero_optimization": {"stage": 0}}}}})
    assert projected("plain", raw=raw).per_state < projected("scope", raw=raw).per_state
    assert projected("plain", "scope", raw=raw).per_state == projected("scope", raw=raw).per_state


# What is said.


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.0 kB"), (512, "0.5 kB"), (999, "1.0 kB"), (9_960, "10 kB"), (123_000, "120 kB"), (1_234_567, "1.2 MB"),
     (999_600_000, "1.0 GB"), (43_000_000_000, "43 GB"), (1_250_000_000_000, "1.2 TB"), (5 * 10**15, "5000 TB")],
)  # fmt: skip
def test_sizes_are_decimal_with_two_significant_digits(size, text):
    assert readable(size) == text


GB = 10**9
PROJECTION = disk.Projection(
    policies=4 * GB,
    states=7 * GB,
    rollouts=GB // 10,
    batches=GB // 5,
    shared=0,
    end=113 * GB // 10,
    peak=27 * GB,
    per_policy=GB,
    per_state=7 * GB,
)
LINE = (
    "disk: about 11 GB at the end (4 policies 4.0 GB, 1 state 7.0 GB, rollouts at most 100 MB, batches at most "
    "200 MB), 27 GB at the peak"
)


def test_what_fits_is_printed_in_one_line():
    assert describe(PROJECTION, 43 * GB) == f"{LINE}; 43 GB free"
    assert describe(PROJECTION, PROJECTION.peak) == f"{LINE}; 27 GB free"


def test_what_the_experiment_has_already_counts_as_free_space():
    needed = PROJECTION.peak
    assert "does not fit" in describe(PROJECTION, needed // 2)
    resumed = describe(PROJECTION, needed // 2, needed)
    assert "taken already" in resumed
    assert "does not fit" not in resumed


def test_what_does_not_fit_is_printed_with_what_to_set():
    first, second = describe(PROJECTION, 12 * GB).splitlines()
    assert first == f"{LINE}; 12 GB free"
    assert "does not fit by 15 GB" in second
    assert "free disk space, keep less (the section `retention`), or plan fewer arms or rounds" in second


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path):
    (tmp_path / "there").mkdir()
    with mock.patch("shutil.disk_usage", lambda folder: SimpleNamespace(free=str(folder))):
        assert free_bytes(tmp_path / "there/not/yet") == str(tmp_path / "there")
        assert free_bytes(tmp_path / "there") == str(tmp_path / "there")
    assert free_bytes("results") > 0


def test_the_projection_needs_no_heavy_library():
    heavy = "{'torch', 'polars', 'pyarrow', 'transformers'} & set(sys.modules)"
    done = run(
        sys.executable, "-c", f"import sys; import scope.planning.disk; print(*{heavy})", PYTHONPATH=ROOT / "scripts"
    )
    assert done.stdout.strip() == ""
