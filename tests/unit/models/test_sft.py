"""Supervised fine-tuning: its loss is the NLL of responses in nats per token, whatever goes through at once."""

import re
from itertools import cycle, islice, repeat

import pytest
import torch

from refusals import refused
from scope.artifacts import progress
from scope.models import sft
from scope.models.pair import Pair
from scope.models.recipe import SftSettings
from worlds import tiny_model

PAIRS = [Pair([3, 4, 5], [6, 7, 1]), Pair([3], [8, 1]), Pair([5, 5, 5, 5, 5], [9, 9, 9, 9, 1])]
SETTINGS = SftSettings(steps=3, batch=3, learning_rate=1e-3, canonical=0.0, seed=0)


def nll(model, pairs):
    """Mean over all response tokens of -log pi(token), each pair alone."""
    total = 0.0
    for pair in pairs:
        logp = torch.log_softmax(model(torch.tensor([[*pair.prompt, *pair.response]])).logits[0].float(), dim=-1)
        total -= sum(logp[len(pair.prompt) - 1 + i, token] for i, token in enumerate(pair.response))
    return total / sum(len(pair.response) for pair in pairs)


@pytest.mark.parametrize("micro_tokens", [1, 12, 4096])
def test_loss_and_gradient_are_those_of_single_pairs(micro_tokens, monkeypatch):
    monkeypatch.setattr(sft, "MICRO_TOKENS", micro_tokens)
    model, other = tiny_model(0), tiny_model(0)
    expected = nll(other, PAIRS)
    expected.backward()
    assert sft._step(model, PAIRS) == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_the_loss_falls():
    model = tiny_model(0)
    before = nll(model, PAIRS).item()
    sft.fine_tune(model, SETTINGS.model_copy(update={"steps": 100, "learning_rate": 3e-3}), cycle(PAIRS))
    assert nll(model.eval(), PAIRS).item() < before / 2


def test_a_loss_that_is_not_finite_is_refused():
    model = tiny_model(0)
    torch.nn.init.constant_(next(model.parameters()), float("nan"))
    with refused("not-finite", "models.*.sft", "learning_rate"):
        sft.fine_tune(model, SETTINGS, repeat(PAIRS[0]))


def test_a_batch_that_repeats_a_few_rows_counts_each_once():
    examples = sft.distinct(islice(cycle(PAIRS), 32))
    assert examples == PAIRS
    assert "on 3 examples after" in sft.rounding_note(1, 1, torch.bfloat16, len(examples))
    assert "on 1 example after" in sft.rounding_note(1, 1, torch.bfloat16, 1)


def test_the_loss_of_examples_is_the_mean_over_their_response_tokens(monkeypatch):
    model = tiny_model(0)
    monkeypatch.setattr(sft, "MICRO_TOKENS", 1)
    assert sft.mean_nll(model, PAIRS) == pytest.approx(nll(model, PAIRS).item(), rel=1e-5)


@pytest.mark.parametrize(("trained", "saved", "warns"), [(0.11, 0.41, True), (0.11, 0.13, False), (1.0, 1.1, False)])
def test_weights_that_bfloat16_rounds_back_are_named_with_the_remedy(trained, saved, warns):
    note = sft.rounding_note(trained, saved, torch.bfloat16, 12)
    assert f"{trained:.4f} nats per token on 12 examples after the last step, {saved:.4f} as saved in bfloat16" in note
    assert ("raise models.*.sft.learning_rate" in note) == warns


def test_the_log_ends_with_steps_tokens_speed_and_the_last_loss(monkeypatch, capsys):
    monkeypatch.setattr(progress.Progress, "due", lambda self: True)
    sft.fine_tune(tiny_model(0), SETTINGS.model_copy(update={"steps": 2, "batch": 3}), cycle(PAIRS))
    *lines, last = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("progress: 1 of 2 steps, ")
    tokens = sum(map(len, islice(cycle(PAIRS), 6)))
    assert re.fullmatch(
        rf"2 steps, {tokens} tokens in \S+ s \(\S+ tokens/s\); the last step's loss is \S+ nats per token", last
    )
