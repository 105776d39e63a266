"""Packs are used where the model keeps their pairs apart, and only there: measured, for any architecture."""

import random

import pytest
import torch

from architectures import APART, MIXING, VOCABULARY, random_model
from refusals import refused
from scope.models import packed_forward as packs
from scope.models.isolation import safe_pack_tokens
from scope.models.pair import Pair

every_architecture = pytest.mark.parametrize("architecture", [*APART, *MIXING])
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def some_pairs(count=7):
    rng = random.Random(0)
    ids = lambda low, high: [rng.randrange(2, VOCABULARY) for _ in range(rng.randint(low, high))]  # noqa: E731
    return [Pair(ids(1, 12), ids(1, 20)) for _ in range(count)]


def single(model, pair, temperature=1.0):
    """Log-probabilities of a pair by nothing but its ids."""
    logits = model(input_ids=torch.tensor([[*pair.prompt, *pair.response]]), use_cache=False).logits[0].float()
    logp = torch.log_softmax(logits[len(pair.prompt) - 1 : -1] / temperature, -1)
    return logp[range(len(pair.response)), pair.response]


@every_dtype
@pytest.mark.parametrize(
    ("architecture", "tokens", "said"),
    [(name, 512, "keeps the pairs of a pack apart; up to 512 tokens") for name in APART]
    + [(name, 1, "mixes the pairs of a pack") for name in MIXING],
)
def test_pairs_share_packs_where_attention_keeps_them_apart_and_else_go_alone(
    architecture, tokens, said, dtype, capsys
):
    model = random_model(architecture).to(dtype)
    assert safe_pack_tokens(model, 512) == tokens
    assert f"{type(model).__name__} {said}" in capsys.readouterr().err


@every_architecture
@pytest.mark.parametrize("tokens", [8, 4096])
def test_scores_and_gradients_are_those_of_single_pairs(architecture, tokens):
    model, pairs = random_model(architecture), some_pairs()
    budget = safe_pack_tokens(model, tokens)
    scores = dict(packs.score_pairs(model, pairs, temperature=1.0, budget=budget))
    for index, pair in enumerate(pairs):
        assert scores[index] == pytest.approx(single(model, pair).tolist(), abs=1e-5)
    torch.cat([single(model, pair) for pair in pairs]).mean().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    total = sum(len(pair.response) for pair in pairs)
    for indices in packs.plan_packs([len(pair) for pair in pairs], budget):
        packed = packs.pack([pairs[i] for i in indices], torch.device("cpu"))
        logp = packs.gather_targets(packs.log_probabilities(packs.response_logits(model, packed), 1.0), packed.targets)
        (logp.sum() / total).backward()
    for name, parameter in model.named_parameters():
        if name in expected:
            torch.testing.assert_close(parameter.grad, expected[name], atol=1e-5, rtol=1e-3)


class Plain(torch.nn.Module):
    """A model whose forward pass takes ids only, and returns all logits."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, input_ids, use_cache=False):
        return self.inner(input_ids=input_ids, use_cache=use_cache)

    def get_input_embeddings(self):
        return self.inner.get_input_embeddings()


def test_a_model_that_takes_neither_position_ids_nor_a_choice_of_logits_goes_alone():
    model, pairs = Plain(random_model("llama")), some_pairs()
    assert safe_pack_tokens(model, 512) == 1
    for index, scores in packs.score_pairs(model, pairs, temperature=1.0, budget=1):
        assert scores == pytest.approx(single(model, pairs[index]).tolist(), abs=1e-5)


class Shifted(Plain):
    """A model that reads position ids seven times too large."""

    def forward(self, input_ids, position_ids=None, use_cache=False):
        if position_ids is not None:
            position_ids = 7 * position_ids
        return self.inner(input_ids=input_ids, position_ids=position_ids, use_cache=use_cache)


def test_a_model_that_position_ids_change_is_refused_by_name():
    with refused("unsupported-model", "Shifted"):
        safe_pack_tokens(Shifted(random_model("llama")), 512)


def test_the_probe_leaves_mode_and_random_state():
    model = random_model("llama").train()
    state = torch.get_rng_state()
    safe_pack_tokens(model, 512)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_with_weights_that_are_not_finite_is_left_to_the_checks_of_scores():
    model = random_model("llama")
    model.lm_head.weight.data[3] = float("nan")
    assert safe_pack_tokens(model, 512) in (1, 512)
