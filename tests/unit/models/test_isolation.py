"""Packs are used where the model keeps their pairs apart, and only there: measured, for any architecture."""

import random

import pytest
import torch

from architectures import APART, MIXING, VOCABULARY, random_model
from refusals import refused
from scope.models import packed_forward as packs
from scope.models.head import CHUNK_VALUES, Distribution
from scope.models.head_loss import loss_of_tokens
from scope.models.isolation import DENSE_TOKENS, Packing, packing_of
from scope.models.pack_plan import plan_packs
from scope.models.packed_attention import PACKED
from scope.models.pair import Pair
from scope.planning import memory

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
@pytest.mark.parametrize("architecture", [name for name in APART if name != "gemma2"])
def test_pairs_share_packs_without_a_mask_where_attention_alone_mixes_tokens(architecture, dtype, capsys):
    model = random_model(architecture).to(dtype)
    packing = packing_of(model, 4096)
    assert (packing.tokens, packing.attention) == (4096, PACKED)
    assert (
        f"{type(model).__name__} keeps the pairs of a pack apart; up to 4,096 tokens each\n" in capsys.readouterr().err
    )


@every_dtype
def test_an_attention_with_further_terms_keeps_its_mask_and_smaller_packs(dtype, capsys):
    """Gemma 2 caps attention scores."""
    model = random_model("gemma2").to(dtype)
    assert packing_of(model, 4096) == Packing(DENSE_TOKENS, "sdpa", linear=False)
    assert f"up to {DENSE_TOKENS:,} tokens each, by sdpa attention" in capsys.readouterr().err


@every_dtype
@pytest.mark.parametrize("architecture", MIXING)
def test_pairs_go_alone_where_a_pack_mixes_them(architecture, dtype, capsys):
    model = random_model(architecture).to(dtype)
    own = model.config._attn_implementation
    packing = packing_of(model, 512)
    assert (packing.tokens, packing.attention, model.config._attn_implementation) == (1, own, own)
    assert f"{type(model).__name__} mixes the pairs of a pack" in capsys.readouterr().err


@every_architecture
@pytest.mark.parametrize("tokens", [8, 4096])
def test_scores_and_gradients_are_those_of_single_pairs(architecture, tokens):
    model, packed_model, pairs = random_model(architecture), random_model(architecture), some_pairs()
    packing = packing_of(packed_model, tokens)
    options = {"budget": packing.tokens, "linear": packing.linear}
    scores = dict(packs.score_pairs(packed_model, pairs, temperature=1.0, **options))
    for index, pair in enumerate(pairs):
        assert scores[index] == pytest.approx(single(model, pair).tolist(), abs=1e-5)
    torch.cat([single(model, pair) for pair in pairs]).mean().backward()
    total = sum(len(pair.response) for pair in pairs)
    for indices in plan_packs([len(pair) for pair in pairs], packing.tokens):
        packed = packs.pack([pairs[i] for i in indices], torch.device("cpu"))

        def compute(hidden, targets=packed.targets):
            return loss_of_tokens(Distribution(hidden, 1.0), targets, lambda logp, rows: logp / total).total

        packs.at_responses(packed_model, packed, compute, linear=packing.linear).backward()
    of_packs = dict(packed_model.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(of_packs[name].grad, parameter.grad, atol=1e-5, rtol=1e-3)


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
    packing = packing_of(model, 512)
    assert (packing.tokens, packing.linear) == (1, False)
    for index, scores in packs.score_pairs(model, pairs, temperature=1.0, budget=1, linear=False):
        assert scores == pytest.approx(single(model, pairs[index]).tolist(), abs=1e-5)


class Shifted(Plain):
    """A model that reads position ids seven times too large."""

    def forward(self, input_ids, position_ids=None, use_cache=False):
        if position_ids is not None:
            position_ids = 7 * position_ids
        return self.inner(input_ids=input_ids, position_ids=position_ids, use_cache=use_cache)


def test_a_model_that_position_ids_change_is_refused_by_name():
    with refused("unsupported-model", "Shifted"):
        packing_of(Shifted(random_model("llama")), 512)


def test_the_probe_leaves_mode_and_random_state():
    model = random_model("llama").train()
    state = torch.get_rng_state()
    packing_of(model, 512)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_with_weights_that_are_not_finite_is_left_to_the_checks_of_scores():
    model = random_model("llama")
    model.lm_head.weight.data[3] = float("nan")
    assert packing_of(model, 512).tokens in (1, 512)


@pytest.mark.parametrize("architecture", ["cohere", "granite", "gemma2"])
def test_logits_that_are_scaled_or_capped_are_no_linear_head(architecture):
    model, pairs = random_model(architecture, logit_scale=0.5, logits_scaling=2.0), some_pairs()
    packing = packing_of(model, 512)
    assert not packing.linear
    for index, scores in packs.score_pairs(model, pairs, temperature=1.0, budget=packing.tokens, linear=False):
        assert scores == pytest.approx(single(model, pairs[index]).tolist(), abs=1e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_an_attention_can_be_chosen(attention):
    assert packing_of(random_model("llama"), 4096, attention).attention == attention


def test_an_attention_that_the_machine_lacks_is_refused_with_the_alternative():
    with refused("unknown-attention", "flash_attention_2", "LlamaForCausalLM", "auto"):
        packing_of(random_model("llama"), 512, "flash_attention_2")


@pytest.mark.parametrize("attention", ["sdpa", "flash_attention_2"])
def test_an_attention_that_takes_no_effect_is_refused(attention):
    """transformers warns and keeps the own one of architectures without its interface."""
    with refused("unknown-attention", attention, "MptForCausalLM", "auto"):
        packing_of(random_model("mpt"), 512, attention)


def test_a_budget_of_one_is_not_called_mixing():
    lines = []
    packing_of(random_model("llama"), 1, say=lines.append)
    assert len(lines) == 1
    assert "mixes" not in lines[0]


def test_the_projection_of_memory_has_the_same_chunks_and_packs():
    """Planning imports no torch, and so has these constants once more."""
    assert {"cpu": memory.CPU.chunk, "cuda": memory.CUDA.chunk} == CHUNK_VALUES
    assert memory.DENSE_TOKENS == DENSE_TOKENS
