"""Appendix A of the paper: what weights within a path do to its gradient, and to what it converges."""

import math
from itertools import product

import polars as pl
import pytest
import torch
from torch.testing import assert_close

from scope.method import losses
from scope.method.weights import path_weights
from scope.models.packed_forward import forward, pack
from scope.models.pair import Pair
from worlds import made_up_round, objective_of, scored_by, tiny_model, weigh

# A path's gradient is a convex combination of its rollouts' gradients.


def rollout_gradient(model, row):
    """Gradient of sum_t loss_{i,t} over all parameters, at theta = old."""
    packed = pack([Pair(row["prompt_token_ids"], row["response_token_ids"])], torch.device("cpu"))
    logits = forward(model, packed, packed.predicts)
    logp = torch.log_softmax(logits, -1).gather(1, packed.targets[:, None])[:, 0]
    if row["loss"] == "opd":
        loss = losses.opd(logp, logp.detach(), torch.tensor(row["scorer_logprobs"]))
    else:
        loss = losses.mle(logp, logp.detach()) if row["loss"] == "mle" else losses.nll(logp)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss.sum(), list(model.parameters()))])


def path_gradients(mode, marks):
    """(gradient of each rollout, their weights) of one path of one prompt, through real models."""
    student, teacher = tiny_model(1), tiny_model(2)
    batch = weigh(scored_by(made_up_round({"x": marks}), student, teacher), objective_of(mode=mode))
    return torch.stack([rollout_gradient(student, row) for row in batch.iter_rows(named=True)]), batch["weight"]


@pytest.mark.parametrize("marks", ["11111", "00000"])
def test_the_norm_of_a_paths_gradient_is_at_most_that_of_its_largest_rollout(marks):
    """grad L_path = sum_i w_i grad L_i with w_i >= 0 and sum_i w_i = 1, so |grad L_path| <= max_i |grad L_i|."""
    gradients, weights = path_gradients("paper", marks)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    norm = (torch.tensor(weights, dtype=torch.float32) @ gradients).norm()
    assert 0 < norm <= gradients.norm(dim=1).max()


def test_weights_of_mean_1_break_the_bound():
    """Released weights sum to |Omega|: n equal rollouts have n times the gradient of one."""
    rows = pl.DataFrame({"prompt_id": "x", "correct": [True] * 4, "student_mean_logprob": -1.0})
    rows = rows.with_columns(teacher_mean_logprob=pl.lit(None, dtype=pl.Float64))
    knobs = {"tau": 1.0, "student_weight": "high_ppl", "teacher_weight": "low_ppl"}
    total = {scale: path_weights(rows, **knobs, scale=scale)["weight"].sum() for scale in ("sum", "mean")}
    assert total == {"sum": pytest.approx(1), "mean": pytest.approx(4)}


# Eq. 17: the distribution that the correct path is pulled towards.

LENGTH = 2
FIRST = {"a": 5 / 8, "b": 2 / 8, "c": 1 / 8}
SECOND = {
    "a": {"a": 1 / 2, "b": 1 / 4, "c": 1 / 4},
    "b": {"a": 1 / 8, "b": 3 / 4, "c": 1 / 8},
    "c": {"a": 3 / 8, "b": 3 / 8, "c": 2 / 8},
}
PI = {first + second: FIRST[first] * SECOND[first][second] for first, second in product("abc", repeat=LENGTH)}
CORRECT = [response for response in PI if "a" in response]
TAUS = [0.5, 0.7, 1.0, 4.0]


def normalised(masses):
    total = sum(masses.values())
    return {response: mass / total for response, mass in masses.items()}


def predicted(tau):
    return normalised({response: PI[response] ** (1 - 1 / (tau * LENGTH)) for response in CORRECT})


@pytest.mark.parametrize("tau", TAUS)
def test_equation_17_in_exact_expectation(tau):
    """Correct responses of equal length T, weighted by PPL^(1/tau), pull towards pi(y)^(1 - 1/(tau T)).

    PPL(y) = pi(y)^(-1/T), so the mass that y receives, P(y drawn | correct) PPL(y)^(1/tau), is proportional to
    pi(y) pi(y)^(-1/(tau T)) = pi(y)^(1 - 1/(tau T)). Here the mass of each y is its share of the expected gradient
    of the NLL, -E[w(y) grad log q(y)], read off at logits of an untied q: q(y) E[w] - mass(y).
    """
    sampled = normalised({response: PI[response] for response in CORRECT})
    logits = torch.zeros(len(CORRECT), dtype=torch.float64, requires_grad=True)
    log_q = torch.log_softmax(logits, dim=0)
    ppl = [math.exp(-math.log(PI[response]) / LENGTH) for response in CORRECT]
    shares = torch.tensor([sampled[y] * p ** (1 / tau) for y, p in zip(CORRECT, ppl, strict=True)], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((shares * losses.nll(log_q)).sum(), logits)
    target = log_q.detach().exp() - gradient / shares.sum()
    assert_close(target, torch.tensor(list(predicted(tau).values()), dtype=torch.float64))


def large_group_mass(tau):
    """Eq. 4 on a group that holds every correct response exactly as often as pi draws it: the weight of all y's."""
    group = [response for response in CORRECT for _ in range(round(64 * PI[response]))]
    assert len(group) == 64 * sum(PI[response] for response in CORRECT)
    rows = pl.DataFrame(
        {
            "prompt_id": "x",
            "correct": True,
            "response": group,
            "teacher_mean_logprob": -1.0,
            "student_mean_logprob": [math.log(PI[response]) / LENGTH for response in group],
        }
    )
    weighed = path_weights(rows, tau=tau, student_weight="high_ppl", teacher_weight="low_ppl", scale="sum")
    return dict(weighed.group_by("response").agg(pl.col("weight").sum()).iter_rows())


@pytest.mark.parametrize("tau", TAUS)
def test_equation_17_with_group_weights_in_the_limit_of_a_large_group(tau):
    """Normalising divides all weights of a group by one number, so the exponent is still 1 - 1/(tau T)."""
    assert large_group_mass(tau) == pytest.approx(predicted(tau))


def test_equation_17_is_uniform_where_tau_is_one_over_the_length():
    """tau T = 1: pi(y)^0, every correct response alike; below it rare ones lead; tau -> inf keeps pi."""
    uniform = dict.fromkeys(CORRECT, 1 / len(CORRECT))
    assert large_group_mass(1 / LENGTH) == pytest.approx(uniform)
    likely, rare = max(CORRECT, key=PI.get), min(CORRECT, key=PI.get)
    turned = large_group_mass(0.5 / LENGTH)
    assert turned[likely] < 1 / len(CORRECT) < turned[rare]
    assert large_group_mass(1e9) == pytest.approx(normalised({response: PI[response] for response in CORRECT}))
