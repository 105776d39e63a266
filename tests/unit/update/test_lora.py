"""LoRA: adapters are trained by the formula's gradient, and a policy is the base with them added."""

import pytest
import torch
from torch.testing import assert_close

from architectures import random_model
from ranks import on_ranks
from refusals import refused
from scope.models.load import load_model
from scope.update.lora import add_adapters
from scope.update.policy import BASE, A, B
from scope.update.recipe import LoraSettings
from scope.update.state import WEIGHT
from trainers import (
    ARMS,
    assert_equal_to_1e_9,
    every_arm,
    formula,
    gradients,
    make_batch,
    make_trainer,
    step_in_float64,
    weights_of,
    whole_state,
    without_costs,
    zero,
)
from worlds import tiny_model

LORA = LoraSettings(rank=3, alpha=6, targets="all-linear")
SCALE = 2.0


def adapted(seed=1, lora=LORA, *, trained=False):
    """A model with adapters, whose B is not 0 where they have been `trained`."""
    model = tiny_model(seed)
    add_adapters(model, lora, seed=0)
    if trained:
        generator = torch.Generator().manual_seed(5)
        for name, weight in model.named_parameters():
            if name.endswith(B):
                weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    return model


def merged(model, base):
    """W + alpha / rank B A in place of every adapted weight of `base`."""
    weights = dict(model.named_parameters())
    own = dict(base.named_parameters())
    with torch.no_grad():
        for name in weights:
            if name.endswith(BASE):
                layer = name.removesuffix(BASE)
                own[f"{layer}.weight"] += SCALE * weights[layer + B] @ weights[layer + A]
    return base


def of_adapters(gradient):
    """By the chain rule of W + s B A: dL/dA = s B^T dL/dW, dL/dB = s dL/dW A^T."""

    def of(name, weights):
        for part, other in ((A, B), (B, A)):
            if name.endswith(part):
                layer = name.removesuffix(part)
                slope, fixed = gradient[f"{layer}.weight"], weights[layer + other]
                return SCALE * (fixed.T @ slope if part == A else slope @ fixed.T)
        raise AssertionError(name)

    return of


@pytest.mark.usefixtures("group_of_one")
@every_arm
def test_in_float64_the_gradient_of_adapters_is_the_formula_to_1e_9(objective, teacher):
    """The formula trains a plain model with the merged weights: it knows of no adapter."""
    batch = make_batch(objective, tiny_model(1), teacher)
    teacher = teacher.double() if objective.kl == "full" else None
    model = adapted(trained=True).double()
    plain = merged(model, tiny_model(1).double())
    expected_loss = sum(formula(plain, batch, objective, teacher or plain).values())
    names, parameters = zip(*plain.named_parameters(), strict=True)
    of = of_adapters(dict(zip(names, torch.autograd.grad(expected_loss, parameters), strict=True)))
    loss, gradient = step_in_float64(model, batch, objective, teacher)
    assert loss == pytest.approx(expected_loss.item(), rel=1e-9, abs=1e-12)
    weights = weights_of(model)
    assert_equal_to_1e_9(gradient, {name: of(name, weights) for name in gradient})


def steps(stage, checkpointing=False):
    """Metrics of a step, the gradient as AdamW saw it, the weights after it, and the base."""
    objective, model = ARMS["scope"], adapted(trained=True)
    trainer = make_trainer(model, objective, deepspeed=zero(stage), checkpoint_activations=checkpointing)
    (metrics,) = map(without_costs, trainer.run_round(make_batch(objective, tiny_model(1), tiny_model(2)), 0))
    weights = {name: parts[WEIGHT] for name, parts in whole_state(trainer)[0].items()}
    return metrics, gradients(trainer), weights


def written(folder, stage):
    """The policy after a step."""
    objective = ARMS["scope"]
    trainer = make_trainer(adapted(), objective, learning_rate=0.01, deepspeed=zero(stage))
    list(trainer.run_round(make_batch(objective, tiny_model(1), tiny_model(2)), 0))
    trainer.save_policy(folder)
    return {name: parts[WEIGHT] for name, parts in whole_state(trainer)[0].items()}


@pytest.mark.real
@pytest.mark.usefixtures("rank_server")
@pytest.mark.parametrize(
    ("world", "stage", "checkpointing"), [(1, 1, True), (1, 3, False), (2, 1, False), (2, 3, False), (3, 2, False)]
)
def test_a_step_depends_on_neither_ranks_nor_stage_nor_kept_activations(world, stage, checkpointing):
    ((expected_metrics, expected_gradient, expected_weights),) = on_ranks(1, steps, 0)
    for metrics, gradient, weights in on_ranks(world, steps, stage, checkpointing):
        assert metrics == pytest.approx(expected_metrics, rel=1e-4, abs=1e-6)
        assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
        assert_close(weights, expected_weights, rtol=0, atol=1e-5)


@pytest.mark.real
@pytest.mark.usefixtures("rank_server")
@pytest.mark.parametrize(("world", "stage"), [(1, 1), (2, 3)])
def test_a_policy_is_the_base_with_adapters_added_and_a_plain_model(world, stage, tmp_path):
    weights = on_ranks(world, written, tmp_path, stage)[0]
    assert all(name.endswith((A, B)) for name in weights)
    assert any(weights[name].abs().max() > 0 for name in weights if name.endswith(B))
    model = adapted()
    for name, weight in model.named_parameters():
        if name in weights:
            weight.data = weights[name]
    expected = weights_of(merged(model, tiny_model(1)))
    assert_close(weights_of(load_model(tmp_path, "float32")), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.usefixtures("group_of_one")
def test_only_adapters_are_trained_and_a_state_of_them_continues(tmp_path):
    """Base, state and fresh adapters are the run without a break, to the last bit."""
    objective = ARMS["kd"]
    batches = [make_batch(objective, tiny_model(1), tiny_model(2), seed=seed) for seed in range(2)]
    one = make_trainer(adapted(), objective, learning_rate=0.01)
    list(one.run_round(batches[0], 0))
    one.save_state(tmp_path)
    list(one.run_round(batches[1], 1))
    other = make_trainer(adapted(), objective, learning_rate=0.01)
    other.load_state(tmp_path)
    list(other.run_round(batches[1], 1))
    assert_close(whole_state(other), whole_state(one), rtol=0, atol=0)
    base, after = weights_of(tiny_model(1)), weights_of(one.policy)
    assert all(torch.equal(after[f"{name[:-7]}{BASE}"], base[name]) for name in base if "_proj" in name)
    assert torch.equal(after["model.embed_tokens.weight"], base["model.embed_tokens.weight"])


def test_adapters_depend_on_the_seed_alone_and_change_nothing_at_first(student):
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    ids = torch.tensor([[3, 4, 5, 6]])
    before = student(ids).logits
    add_adapters(student, LORA, seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert_close(student(ids).logits, before, rtol=0, atol=0)
    torch.manual_seed(8)
    again, other = tiny_model(1), tiny_model(1)
    add_adapters(again, LORA, seed=0)
    add_adapters(other, LORA, seed=1)
    made = [{name: w for name, w in weights_of(m).items() if name.endswith(A)} for m in (student, again, other)]
    assert_close(made[1], made[0], rtol=0, atol=0)
    assert not any(torch.equal(made[2][name], made[0][name]) for name in made[0])


@pytest.mark.parametrize("target", ["q_prj", "lm_head", "embed_tokens", "mlp", ""])
def test_a_target_that_is_no_linear_layer_is_refused_with_those_that_are(target, student):
    with refused("unknown-target", repr(target), "q_proj, up_proj, v_proj"):
        add_adapters(student, LORA.model_copy(update={"targets": ["q_proj", target]}), seed=0)


def test_targets_choose_layers(student):
    add_adapters(student, LORA.model_copy(update={"targets": ["q_proj", "down_proj"]}), seed=0)
    trained = {name.split(".lora_")[0].rpartition(".")[2] for name, w in student.named_parameters() if w.requires_grad}
    assert trained == {"q_proj", "down_proj"}


@pytest.mark.real
@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma3_text", "gpt2", "opt", "mixtral", "phi3"])
def test_policies_of_other_architectures(architecture, tmp_path):
    """GPT-2's layers hold their weights transposed."""
    objective, batch = ARMS["scope"], make_batch(ARMS["scope"], tiny_model(1), tiny_model(2))
    model = random_model(architecture)
    add_adapters(model, LORA, seed=0)
    trainer = make_trainer(model, objective, learning_rate=0.01)
    list(trainer.run_round(batch, 0))
    trainer.save_policy(tmp_path)
    ids = torch.tensor([[3, 4, 5, 6, 7]])
    loaded, before = load_model(tmp_path, "float32"), random_model(architecture)
    with torch.no_grad():
        made, expected, start = (m.eval()(ids).logits for m in (loaded, trainer.policy, before))
    assert_close(made, expected, rtol=1e-4, atol=1e-5)
    assert (expected - start).abs().max() > 1e-3
