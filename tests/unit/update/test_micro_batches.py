"""A step does not depend on how its batch is cut, or on what DeepSpeed keeps and shards."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from refusals import refused
from scope.models.pack_plan import PACK_TOKENS
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.update.activations import checkpoint_activations
from scope.update.trainer import Trainer
from trainers import (
    ARMS,
    GROUPS,
    distributions,
    every_arm,
    gradients,
    loss_settings,
    make_batch,
    make_trainer,
    of_tokens,
    update_settings,
    weights_of,
    without_costs,
    zero,
)
from worlds import made_up_round, objective_of, tiny_model

pytestmark = pytest.mark.usefixtures("group_of_one")


def test_without_a_budget_micro_batches_are_as_long_as_suits_the_device(student):
    assert make_trainer(student, ARMS["kd"], micro_batch_tokens=None).pack_tokens == PACK_TOKENS["cpu"]


@every_arm
def test_a_step_does_not_depend_on_how_its_batch_is_cut_into_micro_batches(objective, teacher):
    seen = []
    for budget in (1, 64, 4096):
        model = tiny_model(1)
        trainer = make_trainer(model, objective, teacher, micro_batch_tokens=budget)
        batch = make_batch(objective, model, teacher)
        (metrics,) = map(without_costs, trainer.run_round(batch, 0))
        seen.append((len(trainer.micro_batches(batch)), metrics, gradients(trainer), weights_of(model)))
    (cuts, metrics, gradient, weights), *others = seen
    assert (cuts, others[-1][0]) == (len(batch), 1)
    for _, other_metrics, other_gradient, other_weights in others:
        assert other_metrics == pytest.approx(metrics, rel=1e-4, abs=1e-6)
        assert_close(other_gradient, gradient, rtol=1e-4, atol=1e-6)
        assert_close(other_weights, weights, rtol=0, atol=1e-5)


def test_the_order_of_rows_in_the_batch_does_not_matter(teacher):
    objective, moved = ARMS["scope"], []
    for seed in (None, 1):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        batch = batch if seed is None else batch.sample(fraction=1, shuffle=True, seed=seed)
        list(make_trainer(model, objective).run_round(batch, 0))
        moved.append(weights_of(model))
    assert_close(moved[0], moved[1], rtol=0, atol=0)


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


@pytest.mark.real
@pytest.mark.parametrize("stage", [1, 3])
@pytest.mark.parametrize("kl", ["sampled", "full"])
def test_a_step_does_not_depend_on_what_is_kept_of_activations(stage, kl, teacher, capsys):
    objective, seen = objective_of(kl=kl), []
    for checkpointed in (False, True):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        update = {"deepspeed": zero(stage), "checkpoint_activations": checkpointed}
        trainer = make_trainer(model, objective, teacher if kl == "full" else None, **update)
        calls = []
        model.model.layers[0].mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        (metrics,) = map(without_costs, trainer.run_round(batch, 0))
        seen.append((metrics, gradients(trainer), len(calls)))
    (metrics, gradient, once), (other_metrics, other_gradient, twice) = seen
    assert twice == 2 * once, "the layer computes its activations again"
    assert "2 layers keep their input" in capsys.readouterr().err
    assert other_metrics == pytest.approx(metrics, rel=1e-6, abs=1e-9)
    assert relative_error(other_gradient, gradient) < 1e-6  # float32 sums in another order: 1e-7 on some processors


def test_an_architecture_without_checkpointed_layers_is_refused_by_name(student, monkeypatch):
    monkeypatch.setattr(type(student), "supports_gradient_checkpointing", False)
    with refused("unsupported-model", "Qwen3ForCausalLM", "update.checkpoint_activations"):
        checkpoint_activations(student)


def relative_error(made, exact):
    flat = [torch.cat([gradient[name].double().flatten() for name in exact]) for gradient in (made, exact)]
    return ((flat[0] - flat[1]).norm() / flat[1].norm()).item()


@pytest.mark.real
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_bfloat16_gradients_are_added_up_in_float32(stage, teacher):
    """48 micro-batches against one: what their sum adds to the error of one, against a sum in bfloat16."""
    objective, groups = ARMS["scope"], dict.fromkeys("abcdefghijkl", "1100")
    batch = make_batch(objective, tiny_model(1), teacher, groups=groups)

    def gradient_of(budget, **further):
        settings = update_settings(micro_batch_tokens=budget, deepspeed={**zero(stage), **further})
        trainer = Trainer(tiny_model(1).bfloat16(), *settings, "bfloat16", loss_settings(objective))
        list(trainer.run_round(batch, 0))
        return gradients(trainer)

    whole, cut = gradient_of(4096), gradient_of(1)
    in_bfloat16 = gradient_of(1, data_types={"grad_accum_dtype": "bf16"})
    assert relative_error(cut, whole) < 0.75 * relative_error(in_bfloat16, whole)


@pytest.mark.real
@pytest.mark.parametrize("stage", [0, 2, 3])
def test_a_step_does_not_depend_on_the_zero_stage(stage, teacher, tmp_path):
    objective, policies = ARMS["scope"], []
    for chosen in (1, stage):
        model = tiny_model(1)
        batch = make_batch(objective, model, teacher)
        trainer = make_trainer(model, objective, deepspeed=zero(chosen))
        (metrics,) = map(without_costs, trainer.run_round(batch, 0))
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
