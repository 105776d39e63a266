"""Token losses by hand, by automatic differentiation, and in expectation by enumerating a toy policy's choices."""

import math

import pytest
import torch
from torch.testing import assert_close

from scope.method import losses
from scope.models.packed_forward import forward, pack, response_log_probabilities
from scope.models.pair import Pair
from worlds import tiny_model

VOCABULARY = 5


def tensor(*values, **options):
    return torch.tensor(values, dtype=torch.float64, **options)


def leaf(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def logps(logits):
    return torch.log_softmax(logits, dim=-1)


def gradients(value, *inputs):
    return torch.autograd.grad(value, inputs, retain_graph=True)


def gradient(value, at):
    return gradients(value, at)[0]


@pytest.fixture
def policy():
    """(logits of the student, its log pi, the teacher's log pi_T) over a toy vocabulary."""
    logits = leaf(VOCABULARY, seed=1)
    return logits, logps(logits), logps(leaf(VOCABULARY, seed=2)).detach()


# Eqs. 1 to 3 on figures that can be checked on paper.

LOGP, OLD, TEACHER = tensor(0.5, 0.2).log(), tensor(0.25, 0.4).log(), tensor(0.25, 0.8).log()


def test_ratio_is_equation_1():
    """(1) rho_t = pi_theta(y_t) / pi_old(y_t)."""
    assert_close(losses.ratio(LOGP, OLD), tensor(2.0, 0.5))


def test_mle_is_equation_2():
    """(2) L_MLE = -sum_t rho_t."""
    assert_close(losses.mle(LOGP, OLD), tensor(-2.0, -0.5))


def test_opd_is_equation_3():
    """(3) L_OPD = sum_t rho_t sg[log pi_theta(y_t) - log pi_T(y_t)]."""
    assert_close(losses.opd(LOGP, OLD, TEACHER), tensor(2 * math.log(2), -0.5 * math.log(4)))


def test_the_gap_of_equation_3_carries_no_gradient():
    """d/dlog pi_theta of rho sg[gap] is rho gap; without the stop-gradient it would be rho gap + rho."""
    logp = LOGP.clone().requires_grad_()
    assert_close(gradient(losses.opd(logp, OLD, TEACHER).sum(), logp), tensor(2 * math.log(2), -0.5 * math.log(4)))


def test_nll_and_entropy_by_hand():
    assert_close(losses.nll(LOGP), tensor(math.log(2), math.log(5)))
    assert_close(
        losses.entropy(tensor([0.5, 0.5], [0.25, 0.75]).log()),
        tensor(math.log(2), 0.25 * math.log(4) + 0.75 * math.log(4 / 3)),
    )


def test_reverse_kl_by_hand():
    """KL(pi_theta || pi_T) = .5 log(.5/.25) + .5 log(.5/.75), and 0 of a policy with itself."""
    student, teacher = tensor([0.5, 0.5]).log(), tensor([0.25, 0.75]).log()
    assert_close(losses.reverse_kl(student, teacher), tensor(0.5 * math.log(2) + 0.5 * math.log(2 / 3)))
    assert_close(losses.reverse_kl(student, student), tensor(0.0))


# What the equations are worth as estimators.


def test_at_theta_old_the_gradient_of_mle_is_that_of_nll(policy):
    """grad rho_t = rho_t grad log pi_theta = grad log pi_theta where theta = old."""
    logits, logp, _ = policy
    for token in logp:
        assert_close(gradient(losses.mle(token, token.detach()), logits), gradient(losses.nll(token), logits))


def test_away_from_theta_old_the_gradient_of_mle_is_rho_times_that_of_nll(policy):
    logits, logp, _ = policy
    old = logp.detach() - 0.7
    assert_close(gradient(losses.mle(logp[0], old[0]), logits), math.exp(0.7) * gradient(losses.nll(logp[0]), logits))


def test_sampled_opd_has_the_gradient_of_the_exact_kl_in_expectation_at_one_position(policy):
    """Given the prefix, E_{y ~ pi}[grad rho sg(log pi(y) - log pi_T(y))] = grad KL(pi || pi_T): E[grad log pi] = 0."""
    logits, logp, teacher = policy
    expected_loss = (logp.exp().detach() * losses.opd(logp, logp.detach(), teacher)).sum()
    assert_close(gradient(expected_loss, logits), gradient(losses.reverse_kl(logp, teacher), logits))
    assert_close(expected_loss.detach(), losses.reverse_kl(logp, teacher).detach())


def test_sampled_opd_stays_unbiased_away_from_theta_old(policy):
    """Drawn from pi_old, the ratio makes up for it: E_{y ~ old}[grad rho gap] = grad KL(pi_theta || pi_T) too."""
    logits, logp, teacher = policy
    old = logps(leaf(VOCABULARY, seed=3)).detach()
    expected_loss = (old.exp() * losses.opd(logp, old, teacher)).sum()
    assert_close(gradient(expected_loss, logits), gradient(losses.reverse_kl(logp, teacher), logits))


def test_over_sequences_sampled_opd_follows_each_prefix_but_not_the_way_to_it():
    """Two steps, all V^2 responses: E_{y ~ pi}[grad sum_t loss_t] = sum_prefixes sg[pi(prefix)] grad KL_prefix.

    That is the gradient of the exact token-wise KL on the student's own prefixes, held fixed as `kl: full` holds
    them. The gradient of the KL between whole responses also moves the probability of the prefixes.
    """
    first, second = leaf(VOCABULARY, seed=4), leaf(VOCABULARY, VOCABULARY, seed=5)
    teacher_first, teacher_second = (logps(leaf(*shape, seed=6)).detach() for shape in ((VOCABULARY,), second.shape))
    logp_first, logp_second = logps(first), logps(second)
    prefix, joint = logp_first.exp(), (logp_first[:, None] + logp_second).exp()

    of_first = losses.opd(logp_first, logp_first.detach(), teacher_first)
    per_response = of_first[:, None] + losses.opd(logp_second, logp_second.detach(), teacher_second)
    sampled = gradients((joint.detach() * per_response).sum(), first, second)

    kl_first = losses.reverse_kl(logp_first, teacher_first)
    kl_second = losses.reverse_kl(logp_second, teacher_second)
    assert_close(sampled, gradients(kl_first + (prefix.detach() * kl_second).sum(), first, second))

    of_responses = gradients(kl_first + (prefix * kl_second).sum(), first, second)
    assert_close(sampled[1], of_responses[1])
    assert (sampled[0] - of_responses[0]).abs().max() > 1e-2


def test_nll_on_teacher_samples_teaches_but_the_ratio_to_the_teacher_would_not(policy):
    """KD: E_{y ~ pi_T}[grad -log pi] = pi - pi_T in logits. With Eq. 2's ratio to pi_old = pi_T the expected loss is
    -sum_y pi(y) = -1 whatever theta is, so its gradient is exactly 0."""
    logits, logp, teacher = policy
    expected_nll = (teacher.exp() * losses.nll(logp)).sum()
    assert_close(gradient(expected_nll, logits), (logp.exp() - teacher.exp()).detach())
    assert gradient(expected_nll, logits).abs().max() > 1e-2
    expected_mle = (teacher.exp() * losses.mle(logp, teacher)).sum()
    assert_close(gradient(expected_mle, logits), torch.zeros(VOCABULARY, dtype=torch.float64))


def test_k3_is_not_negative_zero_at_equality_and_unbiased(policy):
    """k3 = exp(d) - d - 1 with d = log pi_ref - log pi; E_{y ~ pi}[k3] = KL(pi || pi_ref), as E[exp(d)] = 1."""
    _, logp, reference = policy
    values = losses.k3(logp, reference)
    assert (values > 0).all()
    assert_close(losses.k3(logp, logp), torch.zeros_like(logp))
    assert_close((logp.exp() * values).sum(), losses.reverse_kl(logp, reference))


# GRPO's surrogate.


@pytest.mark.parametrize(
    ("rho", "advantage", "value", "slope"),
    [
        (1.5, 2.0, -2.4, 0.0),  # above the clip and wanted: no further
        (0.5, 2.0, -1.0, -1.0),  # below and wanted: all the way back
        (1.5, -2.0, 3.0, 3.0),  # above and unwanted: all the way back
        (0.5, -2.0, 1.6, 0.0),  # below and unwanted: no further
        (1.1, 2.0, -2.2, -2.2),
        (0.9, -2.0, 1.8, 1.8),
    ],
)
def test_pg_is_the_clipped_surrogate(rho, advantage, value, slope):
    """-min(rho A, clip(rho, 0.8, 1.2) A); its slope in log pi_theta is -rho A, or 0 where the clip holds."""
    logp, old = tensor(math.log(rho), requires_grad=True), tensor(0.0)
    loss = losses.pg(logp, old, tensor(advantage), clip=0.2)
    assert_close(loss.detach(), tensor(value))
    assert_close(gradient(loss.sum(), logp), tensor(slope))


def test_clipped_opd_is_pg_with_the_teachers_gap_as_advantage():
    """A = log pi_T - log pi_theta, without gradient; inside the clip it is Eq. 3."""
    logp, teacher = leaf(VOCABULARY, seed=7), leaf(VOCABULARY, seed=8).detach()
    old = logp.detach() + tensor(-0.5, -0.1, 0.0, 0.1, 0.5)
    clipped = losses.opd(logp, old, teacher, clip=0.2)
    surrogate = losses.pg(logp, old, (teacher - logp).detach(), clip=0.2)
    assert_close(clipped, surrogate)
    assert_close(gradient(clipped.sum(), logp), gradient(surrogate.sum(), logp))
    plain = losses.opd(logp, old, teacher)
    assert_close(clipped[1:4], plain[1:4])
    assert not torch.isclose(clipped, plain)[[0, 4]].all()


# The fixed point, through a real model.


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_a_student_equal_to_its_teacher_has_neither_loss_nor_gradient(temperature):
    """Student == teacher at equal temperatures: Eq. 3 and the exact KL give loss 0 and gradient 0."""
    student, teacher = tiny_model(1), tiny_model(1)
    packed = pack([Pair([3, 4, 5], [6, 7, 8, 1]), Pair([9, 10], [11, 12, 1])], torch.device("cpu"))
    logits, logits_teacher = (forward(m, packed, packed.predicts) for m in (student, teacher))
    logp, logp_teacher = (torch.log_softmax(values / temperature, -1) for values in (logits, logits_teacher))
    token, token_teacher = (v.gather(1, packed.targets[:, None])[:, 0] for v in (logp, logp_teacher.detach()))
    for loss in (losses.opd(token, token.detach(), token_teacher), losses.reverse_kl(logp, logp_teacher.detach())):
        assert loss.abs().max() < 1e-6
        assert max(g.abs().max() for g in gradients(loss.sum(), *student.parameters())) < 1e-5


def test_a_student_at_another_temperature_than_its_teacher_is_not_at_rest():
    """The temperatures matter: the same weights, tempered unlike, differ by Eq. 3."""
    model = tiny_model(1)
    packed = pack([Pair([3, 4, 5], [6, 7, 8, 1])], torch.device("cpu"))
    student, teacher = (response_log_probabilities(model, packed, temperature) for temperature in (0.6, 1.0))
    assert losses.opd(student, student, teacher).abs().max() > 0.1
