"""The head in chunks gives the log-probabilities, entropies and gradients of all logits at once."""

import weakref

import pytest
import torch
from torch.testing import assert_close

from scope.method import losses
from scope.models import head, head_loss
from scope.models.head import Distribution, Hidden, token_log_probabilities
from scope.models.head_loss import loss_of_tokens
from scope.models.token_ids import TokenIds

R, V, H = 23, 31, 8
TOKENS = {"all": None, "fewer": TokenIds(29), "with holes": TokenIds(29, (3, 7))}


@pytest.fixture(autouse=True, params=[1, 7, 100], ids=lambda rows: f"{rows} rows a chunk")
def _chunks(request, monkeypatch):
    monkeypatch.setattr(head, "CHUNK_VALUES", {"cpu": request.param * V})


def given(dtype=torch.float64, bias=True):
    generator = torch.Generator().manual_seed(0)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
    states, weight, shift = normal(R, H), normal(V, H), normal(V) if bias else None
    targets = torch.tensor([8 + i % 20 for i in range(R)])
    slopes = torch.randn(R, generator=generator, dtype=torch.float64)
    return [each if each is None else each.requires_grad_() for each in (states, weight, shift)], targets, slopes


def all_at_once(leaves, temperature, tokens):
    states, weight, bias = leaves
    logits = torch.nn.functional.linear(states, weight, bias)
    return torch.log_softmax((tokens.of(logits) if tokens else logits) / temperature, -1)


def chosen(logp_RV, targets):
    return logp_RV.gather(1, targets[:, None])[:, 0]


def assert_gradients_equal(leaves, others, **tolerance):
    for one, other in zip(leaves, others, strict=True):
        if one is not None:
            assert_close(one.grad, other.grad, **tolerance)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("tokens", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_loss_of_the_chosen_tokens(temperature, tokens, bias):
    """d/dlogits of sum_t f(log pi(y_t)) = f'(log pi(y_t)) (1[v = y_t] - pi_v) / temperature."""
    (leaves, targets, slopes), (others, *_) = given(bias=bias), given(bias=bias)
    loss = lambda logp, rows: slopes[rows] * logp.exp()  # noqa: E731
    made = loss_of_tokens(Distribution(Hidden(*leaves), temperature, tokens), targets, loss)
    (3 * made.total).backward()
    logp_RV = all_at_once(others, temperature, tokens)
    expected = (slopes * chosen(logp_RV, targets).exp()).sum()
    (3 * expected).backward()
    assert_close(made.total, expected)
    assert_close(made.logp_R, chosen(logp_RV, targets))
    assert_close(made.entropy_R, losses.entropy(logp_RV))
    assert_gradients_equal(leaves, others)
    scored = token_log_probabilities(Distribution(Hidden(*leaves), temperature, tokens), targets)
    assert_close(scored, chosen(logp_RV, targets).detach())


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("tokens", TOKENS.values(), ids=TOKENS)
def test_a_divergence_beside_a_loss_of_the_chosen_tokens(temperature, tokens):
    """KL(pi || q) at every other token, -log pi(y_t) at the rest, of the same hidden states."""
    (leaves, targets, slopes), (others, *_) = given(), given()
    q_RV = all_at_once([each.detach().flip(0) for each in leaves], 1.0, tokens)
    loss = lambda logp, rows: -logp * (torch.arange(R)[rows] % 2)  # noqa: E731

    def divergence(logp_CV, rows):
        even = torch.arange(R)[rows] % 2 == 0
        return slopes[rows][even] * losses.reverse_kl(logp_CV[even], q_RV[rows][even])

    made = loss_of_tokens(Distribution(Hidden(*leaves), temperature, tokens), targets, loss, divergence)
    made.total.backward()
    logp_RV = all_at_once(others, temperature, tokens)
    expected = divergence(logp_RV, slice(None)).sum() + loss(chosen(logp_RV, targets), slice(None)).sum()
    expected.backward()
    assert_close(made.total, expected)
    assert_gradients_equal(leaves, others)


@pytest.mark.parametrize("exact", [False, True])
def test_what_a_chunk_holds_is_gone_before_the_logits_of_the_next(exact, monkeypatch):
    """The derivative in all log-probabilities; all chunks have their logits in the same memory."""
    held, places, plain, slope = [], set(), Distribution.scaled_logits, head_loss._value_and_slope

    def scaled_logits(self, rows, buffers):
        assert not [alive for alive in held if alive() is not None]
        logits = plain(self, rows, buffers)
        places.add(logits.data_ptr())
        return logits

    def value_and_slope(*arguments):
        value, found = slope(*arguments)
        held.extend([weakref.ref(found)] if found.ndim == 2 else [])
        return value, found

    monkeypatch.setattr(Distribution, "scaled_logits", scaled_logits)
    monkeypatch.setattr(head_loss, "_value_and_slope", value_and_slope)
    leaves, targets, slopes = given()
    loss = lambda logp, rows: slopes[rows] * logp  # noqa: E731
    divergence = (lambda logp, rows: slopes[rows, None] * logp) if exact else None
    loss_of_tokens(Distribution(Hidden(*leaves), 0.6), targets, loss, divergence)
    assert len(held) == len(list(Distribution(Hidden(*leaves), 0.6).chunks())) * exact
    assert len(places) == 1


def test_logits_in_place_of_hidden_states_and_weight():
    (leaves, targets, slopes), (others, *_) = given(), given()
    logits = torch.nn.functional.linear(*leaves)
    loss = lambda logp, rows: slopes[rows] * logp  # noqa: E731
    loss_of_tokens(Distribution(Hidden(logits), 0.6, TOKENS["with holes"]), targets, loss).total.backward()
    (slopes * chosen(all_at_once(others, 0.6, TOKENS["with holes"]), targets)).sum().backward()
    assert_gradients_equal(leaves, others)


def test_bfloat16_sums_over_chunks_in_float32():
    """Of a weight shared by all tokens; the reference is the gradient in float64 of the same rounded values."""
    (leaves, targets, slopes), _ = given(torch.bfloat16, bias=False), None
    others = [each if each is None else each.detach().double().requires_grad_() for each in leaves]
    made = loss_of_tokens(Distribution(Hidden(*leaves), 1.0), targets, lambda logp, rows: slopes[rows] * logp)
    made.total.backward()
    (slopes * chosen(all_at_once(others, 1.0, None), targets)).sum().backward()
    assert made.logp_R.dtype == torch.float32
    assert leaves[1].grad.dtype == torch.bfloat16
    error = (leaves[1].grad.double() - others[1].grad).norm() / others[1].grad.norm()
    assert error < 0.01


def test_a_frozen_head_gets_no_gradient():
    leaves, targets, slopes = given(bias=False)
    leaves[1] = leaves[1].detach()
    loss_of_tokens(Distribution(Hidden(*leaves), 1.0), targets, lambda logp, rows: slopes[rows] * logp).total.backward()
    assert leaves[0].grad is not None
    assert leaves[1].grad is None


def test_a_log_probability_below_the_smallest_float_is_finite():
    """A target 200 nats below the largest logit: pi underflows, log pi does not."""
    logits = torch.zeros(1, 4)
    logits[0, 0] = 200.0
    assert token_log_probabilities(Distribution(Hidden(logits), 1.0), torch.tensor([1])).item() == pytest.approx(-200.0)


def test_no_response_token_is_no_error():
    leaves, _, _ = given()
    empty = Hidden(leaves[0][:0], leaves[1], leaves[2])
    nothing = torch.zeros(0, dtype=torch.long)
    assert token_log_probabilities(Distribution(empty, 1.0), nothing).shape == (0,)
    made = loss_of_tokens(Distribution(empty, 1.0), nothing, lambda logp, rows: logp)
    made.total.backward()
    assert made.total.item() == 0


def test_a_large_vocabulary_in_float32_is_as_exact_as_its_logits():
    """The sums over 151,936 ids add little: torch.log_softmax in float32 is off by 3e-5 here."""
    rows, vocabulary = 16, 151_936
    generator = torch.Generator().manual_seed(0)
    states, weight = (torch.randn(n, 128, generator=generator) * scale for n, scale in ((rows, 1), (vocabulary, 0.3)))
    targets = torch.randint(vocabulary, (rows,), generator=generator)
    leaves = [each.clone().requires_grad_() for each in (states, weight)]
    made = loss_of_tokens(Distribution(Hidden(*leaves), 1.0), targets, lambda logp, rows: logp)
    made.total.backward()
    others = [each.double().requires_grad_() for each in (states, weight)]
    logp_RV = all_at_once([*others, None], 1.0, None)
    chosen(logp_RV, targets).sum().backward()
    assert_close(made.logp_R.double(), chosen(logp_RV, targets), rtol=0, atol=1e-5)
    assert_close(made.entropy_R.double(), losses.entropy(logp_RV), rtol=0, atol=2e-5)
    assert (leaves[1].grad - others[1].grad).norm() < 2e-6 * others[1].grad.norm()
    scored = token_log_probabilities(Distribution(Hidden(states, weight), 1.0), targets)
    assert_close(scored, made.logp_R, rtol=0, atol=0)
