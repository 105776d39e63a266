"""The trainer through real DeepSpeed: its step is the gradient of the formula, however the batch is cut.

    L = sum_i weight_i / normaliser_i * sum_t loss_{i,t}

The formula is written out here once more, a row at a time and without the library's losses or packing.
"""

import json
import math
import os
import re
import sys
from unittest import mock

import polars as pl
import pytest
import torch
import torch.distributed as dist
from deepspeed.utils import safe_get_full_optimizer_state
from safetensors.torch import load_file
from torch.testing import assert_close

from architectures import random_model
from conftest import RECIPE, ROOT, run
from model_folders import edit_json, padded_folder
from refusals import refused
from scope.artifacts import parquet, progress
from scope.artifacts.folder import empty_folder, open_folder, write_manifest
from scope.artifacts.partial import Unfinished
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.metrics import METRICS
from scope.config.training import Update
from scope.method.table import method_of
from scope.models.isolation import packing_of
from scope.models.load import load_model
from scope.models.pack_plan import plan_packs
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds
from scope.models.tokenizers import character_tokenizer
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine
from scope.score.in_process import InProcessTeacher
from scope.update.activations import checkpoint_activations
from scope.update.checkpoints import Checkpoints
from scope.update.launch import join_ranks
from scope.update.loss_settings import LossSettings
from scope.update.micro_batch import lengths_of
from scope.update.recipe import UpdateSettings
from scope.update.step_metrics import StepMetrics
from scope.update.trainer import Trainer
from worlds import made_up_round, objective_of, scored_by, table, tiny_model, weigh

GROUPS = {"a": "1100", "b": "0000", "c": "1111", "d": "0111"}
ARMS = {
    "scope": objective_of(tau=0.5),
    "scope, sum": objective_of(token_reduction="sum"),
    "scope, full KL": objective_of(kl="full"),
    "released": objective_of(mode="released"),
    "opd": objective_of("opd"),
    "opd, full KL": objective_of("opd", kl="full"),
    "opd, clipped": objective_of("opd", opd_clip=0.1),
    "grpo": objective_of("grpo", kl_coefficient=0.1),
    "grpo without KL": objective_of("grpo", kl_coefficient=0),
    "kd": objective_of("kd"),
}
every_arm = pytest.mark.parametrize("objective", ARMS.values(), ids=ARMS)


@pytest.fixture(scope="module", autouse=True)
def _group_of_one():
    """A process holds one default group. RANK must not outlive the call: processes started here would take it over."""
    with mock.patch.dict(os.environ):
        join_ranks(1)
    with mock.patch.dict(os.environ, LOCAL_RANK="0"):
        yield
    dist.destroy_process_group()


@pytest.fixture
def student():
    return tiny_model(1)


@pytest.fixture(scope="module")
def teacher():
    return tiny_model(2)


def make_batch(objective, student, teacher, groups=GROUPS, prompts_per_step=None, temperatures=(1.0, 1.0), seed=0):
    """A round that `student` could have written, scored by `teacher` and weighed."""
    at = dict(zip(("student_temperature", "teacher_temperature"), temperatures, strict=True))
    return weigh(scored_by(made_up_round(groups, seed), student, teacher, **at), objective, prompts_per_step)


def update_settings(**changes):
    """The section `update`, as a recipe gives it; gradients stay unclipped unless told."""
    section = Update(**{"learning_rate": 1e-4, "micro_batch_tokens": 64, "grad_clip": 1e9, **changes})
    return UpdateSettings.model_validate(section.model_dump())


def loss_settings(objective, student_temperature=1.0, teacher_temperature=1.0):
    """What the batch and the recipe tell the trainer about its losses."""
    return LossSettings(
        kl=objective.kl,
        opd_clip=objective.opd_clip or method_of(objective).opd_clip,
        pg_clip=objective.pg_clip,
        kl_coefficient=objective.kl_coefficient,
        student_temperature=student_temperature,
        teacher_temperature=teacher_temperature,
    )


def make_trainer(model, objective, teacher=None, temperatures=(1.0, 1.0), **update):
    return Trainer(model, update_settings(**update), "float32", loss_settings(objective, *temperatures), teacher)


def gradients(trainer):
    """The gradient of the first step, as AdamW saw it: its first moment is (1 - beta_1) g."""
    parameters = trainer.engine.module.named_parameters()
    return {name: safe_get_full_optimizer_state(p, "exp_avg") / (1 - 0.9) for name, p in parameters}


def weights_of(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


# The formula.


def distributions(model, row, temperature):
    """(T, V) log pi at the response tokens, by a plain forward pass over this one row."""
    prompt, response = row["prompt_token_ids"], row["response_token_ids"]
    logits = model(input_ids=torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, dim=-1)


def of_tokens(logp_TV, row):
    return logp_TV[range(len(logp_TV)), row["response_token_ids"]]


def token_losses(row, objective, logp_TV, old_T, teacher_TV):
    """Eqs. 2 and 3, the NLL, GRPO's surrogate with its k3, and the exact KL."""
    logp_T = of_tokens(logp_TV, row)
    rho_T = (logp_T - old_T).exp()
    surrogate = lambda a, clip: -torch.minimum(rho_T * a, rho_T.clamp(1 - clip, 1 + clip) * a)  # noqa: E731
    if row["loss"] == "mle":
        return -rho_T
    if row["loss"] == "nll":
        return -logp_T
    if row["loss"] == "pg":
        gap_T = torch.tensor(row["scorer_logprobs"]) - logp_T if objective.kl_coefficient else 0 * logp_T
        return surrogate(row["advantage"], objective.pg_clip) + objective.kl_coefficient * (gap_T.exp() - gap_T - 1)
    if objective.kl == "full":
        return (logp_TV.exp() * (logp_TV - teacher_TV)).sum(dim=-1)
    gap_T = (logp_T - torch.tensor(row["scorer_logprobs"])).detach()
    clip = loss_settings(objective).opd_clip
    return rho_T * gap_T if clip is None else surrogate(-gap_T, clip)


def formula(model, batch, objective, teacher, temperatures=(1.0, 1.0), old=None):
    """{token loss: its part of L}; `old` is the policy of Eq. 1, by default this one."""
    parts = {}
    for row in batch.iter_rows(named=True):
        logp_TV = distributions(model, row, temperatures[0])
        old_TV = logp_TV if old is None else distributions(old, row, temperatures[0])
        teacher_TV = distributions(teacher, row, temperatures[1]).detach()
        loss_T = token_losses(row, objective, logp_TV, of_tokens(old_TV, row).detach(), teacher_TV)
        parts.setdefault(row["loss"], []).append(row["weight"] / row["normaliser"] * loss_T.sum())
    return {kind: sum(terms) for kind, terms in parts.items()}


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (0.6, 1.0), (0.6, 0.6)], ids=str)
@every_arm
def test_loss_and_gradient_of_a_step_are_those_of_the_formula(objective, temperatures, student, teacher):
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    parts = formula(student, batch, objective, teacher, temperatures)
    loss = sum(parts.values())
    names, parameters = zip(*student.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))

    trainer = make_trainer(student, objective, teacher, temperatures)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-5, abs=1e-6)
    logged = {name: value for name, value in metrics.items() if name.startswith("loss_")}
    assert logged == pytest.approx({f"loss_{kind}": part.item() for kind, part in parts.items()}, rel=1e-5, abs=1e-6)
    assert_close(gradients(trainer), expected, rtol=1e-3, atol=1e-5)
    assert metrics["grad_norm"] == pytest.approx(math.hypot(*(g.norm() for g in expected.values())), rel=1e-4)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (0.6, 0.9)], ids=str)
@every_arm
def test_in_float64_loss_and_gradient_are_the_formula_to_1e_9(objective, temperatures, student, teacher):
    """The formula goes a row at a time, without packs, chunks or DeepSpeed; stored values are float32 to both."""
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    student, teacher = student.double(), teacher.double() if objective.kl == "full" else None
    loss = sum(formula(student, batch, objective, teacher or student, temperatures).values())
    expected = torch.autograd.grad(loss, list(student.parameters()))
    settings = update_settings(deepspeed={"zero_optimization": {"stage": 0}})
    trainer = Trainer(student, settings, "float64", loss_settings(objective, *temperatures), teacher)
    shares = [trainer.micro_batch_loss(micro, StepMetrics(trainer.device)) for micro in trainer.micro_batches(batch)]
    assert len(shares) > 1
    trainer.engine.set_gradient_accumulation_boundary(False)  # DeepSpeed reduces no float64
    trainer.engine.backward(sum(shares))
    made = [parameter.grad for parameter in student.parameters()]
    assert sum(shares).item() == pytest.approx(loss.item(), rel=1e-9, abs=1e-12)
    scale = max(gradient.abs().max() for gradient in expected)
    for one, other in zip(made, expected, strict=True):
        assert (one - other).abs().max() <= 1e-9 * scale


# Engine and trainer.


@pytest.mark.parametrize("arm", ["scope", "opd", "grpo without KL", "kd"])
@pytest.mark.parametrize("cap", [0.9, 2.0])
def test_tokens_are_weighed_by_the_truncated_ratio_of_trainer_and_engine(arm, cap, student, teacher):
    """TIS: sum_t min(pi_old(y_t) / pi_engine(y_t), c) loss_t, for tokens that an engine sampled."""
    objective = ARMS[arm]
    batch = make_batch(objective, student, teacher)
    shift = pl.col("logprobs").list.eval(pl.element() - 0.5 + (pl.element() * 7).sin())
    batch = batch.with_columns(logprobs=shift) if arm != "kd" else batch
    total, ratios = 0.0, []
    for row in batch.iter_rows(named=True):
        logp_TV = distributions(student, row, 1.0)
        old_T = of_tokens(logp_TV, row).detach()
        loss_T = token_losses(row, objective, logp_TV, old_T, None)
        if arm != "kd":
            ratios += (old_T - torch.tensor(row["logprobs"])).exp().tolist()
            loss_T = loss_T * (old_T - torch.tensor(row["logprobs"])).exp().clamp(max=cap)
        total = total + row["weight"] / row["normaliser"] * loss_T.sum()
    assert arm == "kd" or min(ratios) < cap < max(ratios)
    names, parameters = zip(*student.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(total, parameters), strict=True))
    trainer = make_trainer(student, objective, tis_cap=cap)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["loss"] == pytest.approx(total.item(), rel=1e-5, abs=1e-6)
    assert_close(gradients(trainer), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("guards", "words"),
    [({"max_engine_gap": 0.2}, ["step 1", "engine_gap_mean", "update.guards.max_engine_gap", "update.tis_cap"]),
     ({"max_ratio": 0.5}, ["step 1", "ratio_max", "update.guards.max_ratio", "update.learning_rate"])],
)  # fmt: skip
def test_a_figure_beyond_its_guard_stops_before_the_step(guards, words, student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher).with_columns(
        logprobs=pl.col("logprobs").list.eval(pl.element() - 0.3)
    )
    before = weights_of(student)
    with refused("beyond-guard", *words):
        list(make_trainer(student, ARMS["scope"], guards=guards).run_round(batch, 0))
    assert_close(weights_of(student), before, rtol=0, atol=0)


def test_a_large_gap_to_the_engine_is_a_warning_and_a_small_one_none(student, teacher, capsys):
    batch, shift = make_batch(ARMS["scope"], student, teacher), pl.col("logprobs").list.eval(pl.element() - 0.3)
    list(make_trainer(tiny_model(1), ARMS["scope"], guards={"max_engine_gap": 0.2}).run_round(batch, 0))
    assert "Warning" not in capsys.readouterr().err
    list(make_trainer(tiny_model(1), ARMS["scope"]).run_round(batch.with_columns(logprobs=shift), 0))
    assert "Warning: step 1: log-probabilities of the engine" in capsys.readouterr().err


# No cut of the batch matters.


@every_arm
def test_a_step_does_not_depend_on_how_its_batch_is_cut_into_micro_batches(objective, teacher):
    seen = []
    for budget in (1, 64, 4096):
        model = tiny_model(1)
        trainer = make_trainer(model, objective, teacher, micro_batch_tokens=budget)
        batch = make_batch(objective, model, teacher)
        (metrics,) = trainer.run_round(batch, 0)
        seen.append((len(trainer.micro_batches(batch)), metrics, gradients(trainer), weights_of(model)))
    (cuts, metrics, gradient, weights), *others = seen
    assert (cuts, others[-1][0]) == (len(batch), 1)
    for _, other_metrics, other_gradient, other_weights in others:
        assert other_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-6)
        assert_close(other_gradient, gradient, rtol=1e-4, atol=1e-6)
        assert_close(other_weights, weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ["llama", "qwen3_next", "mamba", "lfm2", "gpt_oss", "opt", "mpt"])
@pytest.mark.parametrize("arm", ["scope", "opd, full KL"])
def test_a_step_is_that_of_the_formula_in_architectures_that_mix_the_pairs_of_a_pack(architecture, arm, teacher):
    objective, losses = ARMS[arm], []
    teacher = random_model(architecture, seed=1)
    for budget in (1, 4096):
        model = random_model(architecture)
        batch = make_batch(objective, tiny_model(1), tiny_model(2))
        expected = formula(model, batch, objective, teacher)
        trainer = make_trainer(model, objective, teacher, micro_batch_tokens=budget)
        (metrics,) = trainer.run_round(batch, 0)
        assert metrics["loss"] == pytest.approx(sum(expected.values()).item(), rel=1e-4, abs=1e-6)
        losses.append(gradients(trainer))
    assert_close(losses[1], losses[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("llama", {"attention_dropout": 0.5}),
        ("opt", {"dropout": 0.3, "attention_dropout": 0.3}),
        ("opt", {"layerdrop": 0.9}),
        ("gpt2", {"resid_pdrop": 0.3, "embd_pdrop": 0.3, "attn_pdrop": 0.3}),
        ("phi3", {"resid_pdrop": 0.3}),
        ("mixtral", {"router_jitter_noise": 0.3}),
        ("bloom", {"hidden_dropout": 0.3, "attention_dropout": 0.3}),
    ],
)
def test_dropout_of_the_configuration_is_off_and_named(architecture, settings, steps, capsys):
    """Eq. 1: pi_theta is the policy that sampled the round, so the first ratio is 1, whatever is dropped elsewhere."""
    objective, model = ARMS["scope"], random_model(architecture, **settings)
    batch = make_batch(objective, tiny_model(1), tiny_model(2), prompts_per_step=4 // steps)
    first = batch.filter(step=0)
    expected = sum(formula(random_model(architecture), first, objective, tiny_model(2)).values()).item()
    metrics = next(make_trainer(model, objective).run_round(batch, 0))
    log = capsys.readouterr().err
    assert all(
        f"update: {name} {rate} of the policy's config.json is not used" in log for name, rate in settings.items()
    )
    assert metrics["ratio_mean"] == pytest.approx(1, abs=1e-6)
    assert metrics["ratio_max"] == pytest.approx(1, abs=1e-5)
    assert metrics["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_order_of_rows_in_the_batch_does_not_matter(teacher):
    objective, moved = ARMS["scope"], []
    for seed in (None, 1):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        batch = batch if seed is None else batch.sample(fraction=1, shuffle=True, seed=seed)
        list(make_trainer(model, objective).run_round(batch, 0))
        moved.append(weights_of(model))
    assert_close(moved[0], moved[1], rtol=0, atol=0)


@pytest.mark.parametrize("stage", [1, 3])
@pytest.mark.parametrize("kl", ["sampled", "full"])
def test_a_step_does_not_depend_on_what_is_kept_of_activations(stage, kl, teacher, capsys):
    objective, seen = objective_of(kl=kl), []
    for checkpointed in (False, True):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        update = {"deepspeed": {"zero_optimization": {"stage": stage}}, "checkpoint_activations": checkpointed}
        trainer = make_trainer(model, objective, teacher if kl == "full" else None, **update)
        calls = []
        model.model.layers[0].mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        (metrics,) = trainer.run_round(batch, 0)
        seen.append((metrics, gradients(trainer), len(calls)))
    (metrics, gradient, once), (other_metrics, other_gradient, twice) = seen
    assert twice == 2 * once, "the layer computes its activations again"
    assert "2 layers keep their input" in capsys.readouterr().err
    assert other_metrics == pytest.approx(metrics, rel=1e-6, abs=1e-9)
    assert_close(other_gradient, gradient, rtol=1e-6, atol=1e-9)


def test_an_architecture_without_checkpointed_layers_is_refused_by_name(student, monkeypatch):
    monkeypatch.setattr(type(student), "supports_gradient_checkpointing", False)
    with refused("unsupported-model", "Qwen3ForCausalLM", "update.checkpoint_activations"):
        checkpoint_activations(student)


def relative_error(made, exact):
    flat = [torch.cat([gradient[name].double().flatten() for name in exact]) for gradient in (made, exact)]
    return ((flat[0] - flat[1]).norm() / flat[1].norm()).item()


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_bfloat16_gradients_are_added_up_in_float32(stage, teacher):
    """48 micro-batches against one: what their sum adds to the error of one, against a sum in bfloat16."""
    objective, groups = ARMS["scope"], dict.fromkeys("abcdefghijkl", "1100")
    batch = make_batch(objective, tiny_model(1), teacher, groups=groups)

    def gradient_of(budget, **further):
        settings = update_settings(
            micro_batch_tokens=budget, deepspeed={"zero_optimization": {"stage": stage}, **further}
        )
        trainer = Trainer(tiny_model(1).bfloat16(), settings, "bfloat16", loss_settings(objective))
        list(trainer.run_round(batch, 0))
        return gradients(trainer)

    whole, cut = gradient_of(4096), gradient_of(1)
    in_bfloat16 = gradient_of(1, data_types={"grad_accum_dtype": "bf16"})
    assert relative_error(cut, whole) < 0.75 * relative_error(in_bfloat16, whole)


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_a_step_does_not_depend_on_the_zero_stage(stage, teacher, tmp_path):
    objective, policies = ARMS["scope"], []
    for chosen in (1, stage):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        trainer = make_trainer(model, objective, deepspeed={"zero_optimization": {"stage": chosen}})
        (metrics,) = trainer.run_round(batch, 0)
        trainer.save_policy(tmp_path / str(chosen))
        policies.append((metrics, load_file(tmp_path / str(chosen) / "model.safetensors")))
    assert policies[1][0] == pytest.approx(policies[0][0], rel=1e-4, abs=1e-6)
    assert_close(policies[1][1], policies[0][1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("budget", [1, 40, 4096])
def test_a_packed_forward_pass_equals_one_pair_at_a_time(student, temperature, budget):
    """Attention stays inside each pair; log pi(.) = log softmax(logits / temperature)."""
    round_ = made_up_round(GROUPS)
    rows = round_.rollouts.join(round_.prompts, on="prompt_id")
    pairs = [Pair(*ids) for ids in rows.select("prompt_token_ids", "response_token_ids").iter_rows()]
    scored = dict(score_pairs(student, pairs, temperature=temperature, budget=budget))
    assert sorted(scored) == list(range(len(rows)))
    for index, row in enumerate(rows.iter_rows(named=True)):
        alone = of_tokens(distributions(student, row, temperature), row).tolist()
        assert scored[index] == pytest.approx(alone, abs=1e-5)


# Batches at the edge.


@pytest.mark.parametrize("mark", ["1", "0"])
@every_arm
def test_a_step_with_one_path_only_is_a_step(objective, mark, student, teacher):
    before = weights_of(student)
    batch = make_batch(objective, student, teacher, {"a": mark * 3, "b": mark * 3})
    (metrics,) = make_trainer(student, objective, teacher).run_round(batch, 0)
    assert all(math.isfinite(value) for value in metrics.values())
    assert {name for name in metrics if name.startswith("loss_")} == {f"loss_{kind}" for kind in set(batch["loss"])}
    still = objective.method == "grpo" and objective.kl_coefficient == 0  # all advantages are 0
    assert (metrics["grad_norm"] == 0) == still
    assert all(value.isfinite().all() for value in student.parameters())
    assert still or any((after != before[name]).any() for name, after in student.named_parameters())


@pytest.mark.parametrize("marks", ["11111", "00000"])
def test_a_paths_step_is_no_larger_than_that_of_its_largest_rollout(marks, student, teacher):
    """Appendix A through the trainer: |grad sum_i w_i L_i| <= max_i |grad L_i|, as the w_i sum to 1."""
    objective = objective_of(token_reduction="sum")
    batch = make_batch(objective, student, teacher, {"a": marks})
    alone = [batch[[i]].with_columns(weight=pl.lit(1.0)) for i in range(len(batch))]
    norms = []
    for rows in (batch, *alone):
        (metrics,) = make_trainer(tiny_model(1), objective).run_round(rows, 0)
        norms.append(metrics["grad_norm"])
    assert 0 < norms[0] <= max(norms[1:])


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_a_student_that_equals_its_teacher_stays_where_it_is(temperature, student):
    """Eq. 3 at pi_theta = pi_T: loss 0, gradient 0, and without weight decay no parameter moves."""
    objective, temperatures, teacher = ARMS["opd"], (temperature, temperature), tiny_model(1)
    for model in (student, teacher):  # attend as the trainer does, to the last bit
        packing_of(model, 4096)
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    before = weights_of(student)
    trainer = make_trainer(student, objective, temperatures=temperatures, micro_batch_tokens=4096, weight_decay=0)
    (metrics,) = trainer.run_round(batch, 0)
    assert abs(metrics["loss"]) < 1e-7
    assert metrics["grad_norm"] < 1e-6
    assert_close(weights_of(student), before, rtol=0, atol=1e-6)


def test_the_exact_kl_of_a_student_with_itself_is_at_rest(student):
    objective = ARMS["opd, full KL"]
    batch = make_batch(objective, student, tiny_model(1))
    (metrics,) = make_trainer(student, objective, tiny_model(1)).run_round(batch, 0)
    assert abs(metrics["loss"]) < 1e-6
    assert metrics["grad_norm"] < 1e-5


# Several steps a round, and several rounds.


@pytest.mark.parametrize("arm", ["scope", "opd", "opd, clipped", "grpo"])
def test_the_ratio_is_1_in_the_first_step_and_of_the_rounds_start_in_the_second(arm, student, teacher):
    """(1) pi_old is the policy at the start of the round, for every step of it."""
    objective, start = ARMS[arm], tiny_model(1)
    batch = make_batch(objective, start, teacher, prompts_per_step=2)
    steps = make_trainer(student, objective, learning_rate=0.05).run_round(batch, 0)
    first = next(steps)
    assert (first["ratio_mean"], first["ratio_max"]) == (1, 1)
    expected = formula(student, batch.filter(pl.col("step") == 1), objective, teacher, old=start)
    second = next(steps)
    assert abs(second["ratio_mean"] - 1) > 1e-3
    assert second["ratio_max"] > 1.2
    assert second["loss"] == pytest.approx(sum(expected.values()).item(), rel=1e-4)
    assert (second.get("clipped", 0) > 0) == (arm == "grpo")
    assert next(steps, None) is None


def test_the_log_shows_passes_through_the_policy_and_last_the_sum(teacher, monkeypatch, capsys):
    """Micro-batches of the second step pass forward first; later each, which takes thrice as long, both ways."""
    batch, shown = make_batch(ARMS["scope"], tiny_model(1), teacher, prompts_per_step=2), []
    trainer = make_trainer(tiny_model(1), ARMS["scope"])
    monkeypatch.setattr(progress.Progress, "due", lambda self: True)
    monkeypatch.setattr(progress.Progress, "show", lambda self, done, left, **_: shown.append((done, left)))
    capsys.readouterr()
    list(trainer.run_round(batch, 0))
    first, second = (len(trainer.micro_batches(batch.filter(step=step))) for step in range(2))
    both, total = 3 * (first + second), 3 * (first + second) + second
    forward = [(i, total - i) for i in range(1, second + 1)]
    assert shown == forward + [(second + done, both - done) for done in range(3, both + 1, 3)]
    tokens = sum(lengths_of(batch))
    line = rf"2 steps, {tokens:,} tokens in \S+ s \(\S+ tokens/s\)"
    assert re.fullmatch(line, capsys.readouterr().err.splitlines()[-1])


def test_a_step_without_rows_keeps_its_number(student, teacher):
    """KD may drop every sample of a step: the others keep their numbers, and with them their rates."""
    objective = ARMS["kd"]
    batch = make_batch(objective, student, teacher, prompts_per_step=1).filter(pl.col("step") != 1)
    steps = make_trainer(student, objective, warmup_steps=10).run_round(batch, 4)
    numbered = [(metrics["step"], metrics["learning_rate"]) for metrics in steps]
    assert numbered == [(5, pytest.approx(0.5e-4)), (7, pytest.approx(0.7e-4)), (8, pytest.approx(0.8e-4))]


def test_rounds_joined_by_saved_policy_and_state_are_one_run(teacher, tmp_path):
    """The moments of AdamW and the schedule go on where the round before stopped."""
    objective = ARMS["kd"]
    batches = [make_batch(objective, tiny_model(1), teacher, seed=seed) for seed in (1, 2)]
    update = {"schedule": "linear", "total_steps": 3}

    whole = tiny_model(1)
    trainer = make_trainer(whole, objective, **update)
    rates = [
        metrics["learning_rate"] for done, batch in enumerate(batches) for metrics in trainer.run_round(batch, done)
    ]
    assert rates == pytest.approx([0.75e-4, 0.5e-4])

    model = tiny_model(1)
    for done, batch in enumerate(batches):
        trainer = make_trainer(model, objective, **update)
        if done:
            trainer.load_state(tmp_path / "state")
        list(trainer.run_round(batch, done))
        trainer.save_policy(tmp_path / "policy")
        trainer.save_state(tmp_path / "state")
        model = load_model(tmp_path / "policy", "float32")
    assert_close(weights_of(model), weights_of(whole), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("stage", "dtype"),
    [(0, "float32"), (1, "float32"), (2, "float32"), (3, "float32"), (1, "bfloat16"), (2, "bfloat16")],
)
def test_steps_after_a_checkpoint_are_those_of_an_unbroken_round(stage, dtype, teacher, tmp_path):
    """Also the last step alone: its pi_old is the policy at the round's start, not that of the checkpoint."""
    update = {"learning_rate": 0.05, "deepspeed": {"zero_optimization": {"stage": stage}}}
    objective, checkpoints = ARMS["scope"], Checkpoints(Unfinished(tmp_path, RECIPE, "this"))
    batch = make_batch(objective, tiny_model(1), teacher, prompts_per_step=1)
    started = lambda: Trainer(  # noqa: E731
        tiny_model(1).to(getattr(torch, dtype)), update_settings(**update), dtype, loss_settings(objective)
    )
    trainer, rows = started(), []
    for row in trainer.run_round(batch, 4):
        rows.append(row)
        if len(rows) == 3:
            checkpoints.keep(trainer.save_state, rows)
    trainer.save_policy(tmp_path / "whole")
    assert rows[-1]["ratio_max"] > 1.01

    checkpoint = checkpoints.newest()
    assert (checkpoint.rows, checkpoint.step) == (rows[:3], 7)
    trainer = started()
    assert list(trainer.run_round(batch, 4, checkpoint)) == rows[3:]
    trainer.save_policy(tmp_path / "resumed")
    assert_close(*(load_file(tmp_path / name / "model.safetensors") for name in ("resumed", "whole")), rtol=0, atol=0)


def test_only_the_newest_whole_checkpoint_of_this_making_is_used(student, tmp_path, capsys):
    trainer = make_trainer(student, ARMS["kd"])
    this, another = (Checkpoints(Unfinished(tmp_path, RECIPE, identity)) for identity in ("this", "another"))
    for checkpoints, step in ((this, 9), (this, 10)):
        checkpoints.keep(trainer.save_state, [{"step": step}])
    assert [path.name for path in tmp_path.iterdir()] == ["step10"], "older ones are removed"
    (tmp_path / "step11/state").mkdir(parents=True)
    assert this.newest().step == 10
    assert not (tmp_path / "step11").exists()
    assert another.newest() is None
    assert "step10/manifest.json: from other settings, code or inputs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_parameters_move_at_the_rate_of_the_schedule(student, teacher):
    """AdamW's first step, without decay, is rate * g / (|g| + eps): the rate itself where g is not tiny."""
    before = weights_of(student)
    batch = make_batch(ARMS["scope"], student, teacher)
    (metrics,) = make_trainer(student, ARMS["scope"], warmup_steps=10, weight_decay=0).run_round(batch, 2)
    assert metrics["learning_rate"] == pytest.approx(0.3e-4)
    moved = max((after - before[name]).abs().max() for name, after in student.named_parameters())
    assert moved.item() == pytest.approx(0.3e-4, rel=1e-2)


def test_a_missing_state_is_refused(student, tmp_path):
    with refused("no-optimizer-state", tmp_path, "--state"):
        make_trainer(student, ARMS["kd"]).load_state(tmp_path)


def test_the_gradient_is_clipped_and_its_norm_logged_before(student, teacher):
    objective = ARMS["scope"]
    batch = make_batch(objective, student, teacher)
    trainer = make_trainer(student, objective, grad_clip=1e-3)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["grad_norm"] > 1e-2
    assert math.hypot(*(g.norm() for g in gradients(trainer).values())) == pytest.approx(1e-3, rel=1e-3)


# Figures that are logged beside the loss.


@pytest.mark.parametrize("arm", ["scope", "opd"])
def test_logged_figures_by_hand(arm, student, teacher):
    """Means over response tokens; the advantage of the incorrect path is weighted as its loss is."""
    objective = ARMS[arm]
    batch = make_batch(objective, student, teacher)
    rows = list(batch.iter_rows(named=True))
    with torch.no_grad():
        logps = [distributions(student, row, 1.0) for row in rows]
    entropies = torch.cat([-(logp.exp() * logp).sum(dim=-1) for logp in logps])
    wrong = [
        (row["weight"] / row["normaliser"], torch.tensor(row["scorer_logprobs"]) - of_tokens(logp, row))
        for row, logp in zip(rows, logps, strict=True)
        if not row["correct"]
    ]
    advantage = sum(w * a.sum() for w, a in wrong) / sum(w * len(a) for w, a in wrong)
    positive = torch.cat([a > 0 for _, a in wrong]).double().mean()

    (metrics,) = make_trainer(student, objective).run_round(batch, 0)
    assert metrics["entropy"] == pytest.approx(entropies.mean().item(), rel=1e-5)
    assert metrics["advantage_incorrect"] == pytest.approx(advantage.item(), rel=1e-4)
    assert metrics["advantage_incorrect_positive"] == pytest.approx(positive.item())


def test_the_gap_to_the_engines_log_probabilities_is_logged(student, teacher):
    objective = ARMS["scope"]
    batch = make_batch(objective, student, teacher).with_columns(pl.col("logprobs").list.eval(pl.element() - 0.25))
    (metrics,) = make_trainer(student, objective).run_round(batch, 0)
    assert (metrics["engine_gap_mean"], metrics["engine_gap_max"]) == pytest.approx((0.25, 0.25), abs=1e-5)


# More rows than tokens.


@pytest.fixture(scope="module")
def padded(tmp_path_factory):
    """A student of 40 rows, and teachers of more and of fewer rows; all have 17 tokens."""
    root = tmp_path_factory.mktemp("padded")
    return {rows: padded_folder(root / str(rows), rows=rows) for rows in (40, 50, 20)}


def padded_batch(padded, objective, rows):
    """A round that the student sampled and a teacher of so many rows scored."""
    round_ = made_up_round({"a": "1100", "b": "0000"})
    prompts = dict(round_.prompts.select("prompt_id", "prompt_token_ids").iter_rows())
    keys = round_.rollouts.select("prompt_id", "sample_index").rows()
    engine = TransformersEngine(padded[40], dtype="float32", max_model_len=64)
    requests = [Request(prompts[prompt], seed) for seed, (prompt, _) in enumerate(keys)]
    samples = engine.sample(requests, Sampling(temperature=1.0, max_tokens=12))
    pairs = [Pair(asked.prompt_token_ids, one.token_ids) for asked, one in zip(requests, samples, strict=True)]
    scores = InProcessTeacher(padded[rows], dtype="float32", temperature=1.0, pack_tokens=64).score(pairs)
    changed = [
        {**row, "response_token_ids": one.token_ids, "logprobs": one.logprobs, "scorer_logprobs": score}
        for row, one, score in zip(round_.rollouts.iter_rows(named=True), samples, scores, strict=True)
    ]
    return weigh(round_.but(rollouts=table("rollouts", changed), scores=table("scores", changed)), objective)


def token_distributions(model, row):
    ids, first = [*row["prompt_token_ids"], *row["response_token_ids"]], len(row["prompt_token_ids"])
    return torch.log_softmax(model(torch.tensor([ids])).logits[0, first - 1 : -1, :17], -1)


@pytest.mark.parametrize("rows", [50, 20])
@pytest.mark.parametrize("kl", ["sampled", "full"])
def test_gap_and_loss_of_a_model_with_more_rows_than_tokens_are_those_of_the_tokens(padded, rows, kl):
    objective = objective_of("opd", kl=kl)
    batch = padded_batch(padded, objective, rows)
    student, teacher = load_model(padded[40], "float32"), load_model(padded[rows], "float32")
    expected, largest = 0.0, 0.0
    with torch.no_grad():
        for row in batch.iter_rows(named=True):
            logp_TV, teacher_TV = token_distributions(student, row), token_distributions(teacher, row)
            chosen = torch.tensor(row["response_token_ids"])[:, None]
            logp_T, teacher_T = logp_TV.gather(1, chosen)[:, 0], teacher_TV.gather(1, chosen)[:, 0]
            full_T = (logp_TV.exp() * (logp_TV - teacher_TV)).sum(-1)
            loss_T = full_T if kl == "full" else logp_T - teacher_T
            expected += row["weight"] / row["normaliser"] * loss_T.sum().item()
            largest = max(largest, logp_T.abs().max().item())
    trainer = make_trainer(student, objective, teacher if kl == "full" else None, micro_batch_tokens=64)
    trainer.tokens = TokenIds(17)
    (metrics,) = trainer.run_round(batch, 0)
    assert largest > 1, "the rows without a token would hold much"
    assert metrics["engine_gap_max"] < 1e-4
    assert metrics["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert metrics["entropy"] <= torch.log(torch.tensor(17.0)) + 1e-6


def test_samples_of_a_teacher_have_no_gap_to_log(student, teacher):
    (metrics,) = make_trainer(student, ARMS["kd"]).run_round(make_batch(ARMS["kd"], student, teacher), 0)
    assert not [name for name in metrics if name.startswith("engine_gap")]


# What is not finite stops the run.


def test_a_loss_that_is_not_finite_is_refused(student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher)
    with torch.no_grad():
        student.model.norm.weight[0] = math.nan
    with refused("not-finite", "step 8: the loss is nan"):
        list(make_trainer(student, ARMS["scope"]).run_round(batch, 7))


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_a_gradient_that_is_not_finite_is_refused(stage, student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher)
    student.model.norm.weight.register_hook(lambda gradient: gradient * math.nan)
    trainer = make_trainer(student, ARMS["scope"], deepspeed={"zero_optimization": {"stage": stage}})
    with refused("not-finite", "step 1: the gradient"):
        list(trainer.run_round(batch, 0))


# The command line, over one process and over two.

RUN = {"arm": "mixed", "seed": 0, "round": 1}


def save_model(model, manifest):
    folder = empty_folder(manifest)
    model.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    write_manifest(manifest, recipe=RECIPE)
    return manifest


def update_recipe(ranks):
    settings = {
        "update": update_settings(steps_per_round=2, ranks=ranks).model_dump(),
        "student_temperature": 1.0,
        "teacher_temperature": 1.0,
        "models": {"dtype": "float32"},
    }
    return make_recipe("update", settings)


def run_update(place, batch, policy, *, ranks=1, check=True):
    """Run scripts/update.py; returns the finished process and where its policy and metrics lie."""
    out = {
        "policy": place / "policy/manifest.json",
        "state": place / "state/manifest.json",
        "metrics": place / "metrics.parquet",
    }
    words = [f"--{name}={value}" for name, value in RUN.items()] + [
        f"--out-{name}={path}" for name, path in out.items()
    ]
    script = [sys.executable, ROOT / "scripts/update.py", "--recipe", update_recipe(ranks)]
    live = ["--out-live", place / "metrics.jsonl"]
    return run(*script, "--batch", batch, "--policy", policy, *live, *words, check=check), out


def write_mixed_batch(path, student, teacher):
    """Two steps with all four token losses, which `update` may meet in any company."""
    arms = {
        "scope": {"a": "110", "b": "000", "c": "100", "d": "111"},
        "grpo": {"e": "10", "f": "01"},
        "kd": {"g": "11", "h": "01"},
    }
    parts = [
        make_batch(ARMS[arm], student, teacher, groups, prompts_per_step=len(groups) // 2)
        for arm, groups in arms.items()
    ]
    losses = {"kl": "sampled", "opd_clip": None, "pg_clip": 0.2, "kl_coefficient": 0.1}
    parquet.write(path, BATCH, pl.concat(parts, how="vertical_relaxed"), recipe=RECIPE, losses=losses, **RUN)
    return path


@pytest.mark.real
def test_one_rank_and_two_make_the_same_policy(student, teacher, tmp_path):
    """Each step has an odd number of packs, so one of two ranks runs idle in its last micro-batch."""
    policy = save_model(student, tmp_path / "student/manifest.json")
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    batch = parquet.read(path, BATCH)
    assert set(batch["loss"]) == {"mle", "opd", "pg", "nll"}
    for _, rows in batch.group_by("step"):
        lengths = rows["prompt_token_ids"].list.len() + rows["response_token_ids"].list.len()
        assert len(plan_packs(lengths.to_list(), 64)) % 2 == 1

    (_, one), (_, two) = (run_update(tmp_path / str(n), path, policy, ranks=n) for n in (1, 2))
    weights, others = (load_file(open_folder(out["policy"]) / "model.safetensors") for out in (one, two))
    start = load_file(policy.parent / "model.safetensors")
    assert_close(others, weights, rtol=0, atol=1e-5)
    assert max((weights[name] - start[name]).abs().max() for name in start) > 1e-4
    metrics, of_two = (parquet.read(out["metrics"], METRICS).to_dicts() for out in (one, two))
    assert [row["step"] for row in metrics] == [1, 2]
    for row, other in zip(metrics, of_two, strict=True):
        assert other == pytest.approx(row, rel=1e-4, abs=1e-6)


@pytest.mark.real
def test_a_policy_that_is_not_finite_is_not_saved(student, teacher, tmp_path):
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    with torch.no_grad():
        student.model.norm.weight[0] = math.nan
    policy = save_model(student, tmp_path / "student/manifest.json")
    done, out = run_update(tmp_path, path, policy, check=False)
    assert done.returncode == 2
    assert "error: step 1: the loss is nan" in done.stderr
    assert not any(made.exists() for made in out.values())


@pytest.mark.real
def test_a_policy_is_saved_whatever_its_generation_settings_and_with_all_its_eos_ids(student, teacher, tmp_path):
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    policy = save_model(student, tmp_path / "student/manifest.json")
    edit_json(policy.parent / "generation_config.json", temperature=0.6, eos_token_id=[1, 2])
    write_manifest(policy, recipe=RECIPE)
    _, out = run_update(tmp_path, path, policy)
    saved = open_folder(out["policy"])
    assert json.loads((saved / "generation_config.json").read_text())["eos_token_id"] == [1, 2]
    assert load_model(saved, "float32").generation_config.eos_token_id == [1, 2]
