"""The four token losses that `update` knows, Eqs. 1 to 3 of arXiv 2604.10688 among them.

Shapes: R response tokens, V vocabulary. All log-probabilities are natural, of the sampled token unless stated
otherwise. sg is the stop-gradient. Each function returns one value per token; weights, sums over tokens and
normalisers come from the batch.
"""

import torch
from torch import Tensor


def ratio(logp_R: Tensor, logp_old_R: Tensor) -> Tensor:
    """Eq. 1: rho_t = pi_theta(y_t | x, y_<t) / pi_old(y_t | x, y_<t)."""
    return torch.exp(logp_R - logp_old_R)


def mle(logp_R: Tensor, logp_old_R: Tensor) -> Tensor:
    """Eq. 2: -rho_t; at theta = old its gradient is that of the NLL."""
    return -ratio(logp_R, logp_old_R)


def nll(logp_R: Tensor) -> Tensor:
    """-log pi_theta(y_t): for samples whose behaviour policy is not the student (KD)."""
    return -logp_R


def opd(logp_R: Tensor, logp_old_R: Tensor, logp_teacher_R: Tensor, clip: float | None = None) -> Tensor:
    """Eq. 3: rho_t sg[log pi_theta(y_t) - log pi_T(y_t)], the k1 reverse KL as a policy gradient.

    With `clip`, the clipped surrogate of the released code, whose advantage is log pi_T - log pi_theta.
    """
    gap_R = (logp_R - logp_teacher_R).detach()
    if clip is None:
        return ratio(logp_R, logp_old_R) * gap_R
    return pg(logp_R, logp_old_R, -gap_R, clip)


def pg(logp_R: Tensor, logp_old_R: Tensor, advantage_R: Tensor, clip: float) -> Tensor:
    """GRPO's surrogate: -min(rho_t A, clip(rho_t, 1 - clip, 1 + clip) A)."""
    rho_R = ratio(logp_R, logp_old_R)
    return -torch.minimum(rho_R * advantage_R, rho_R.clamp(1 - clip, 1 + clip) * advantage_R)


def k3(logp_R: Tensor, logp_reference_R: Tensor) -> Tensor:
    """The k3 estimator of KL(pi_theta || pi_ref): exp(d) - d - 1 with d = log pi_ref - log pi_theta."""
    d_R = logp_reference_R - logp_R
    return torch.exp(d_R) - d_R - 1


def reverse_kl(logp_RV: Tensor, logp_teacher_RV: Tensor) -> Tensor:
    """Exact KL(pi_theta || pi_T) at each position: sum_v pi_theta(v) (log pi_theta(v) - log pi_T(v))."""
    return (logp_RV.exp() * (logp_RV - logp_teacher_RV)).sum(dim=-1)


def entropy(logp_RV: Tensor) -> Tensor:
    """-sum_v pi(v) log pi(v) at each position, in nats."""
    return -(logp_RV.exp() * logp_RV).sum(dim=-1)
