"""The weighted loss of one micro-batch, as the head asks for it: a chunk of tokens at a time.

    L = sum_i weight_i / normaliser_i * sum_t loss_{i,t}

Shapes as in losses.py: R response tokens of the pack, C of them in a chunk, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from scope.method import losses
from scope.models.head import Distribution
from scope.update.loss_settings import LossSettings
from scope.update.micro_batch import MicroBatch
from scope.update.step_metrics import StepMetrics


@dataclass(frozen=True)
class MicroBatchLoss:
    """The four token losses, each at the tokens of its kind, into the tally as well."""

    micro: MicroBatch
    settings: LossSettings
    tally: StepMetrics
    teacher: Distribution | None = None
    """pi_T of the exact KL"""
    tis_cap: float | None = None
    """c of min(pi_old / pi_engine, c), which multiplies the losses of tokens that an engine sampled"""

    def of_tokens(self, logp_C: Tensor, rows: slice) -> Tensor:
        """(C,) weighted losses from log pi_theta(y_t); 0 where the loss is the exact KL."""
        loss_C = torch.zeros_like(logp_C)
        for kind, at in self._kinds(rows):
            if not self._is_exact(kind):
                loss_M = self._weighted(self._token_loss(kind, logp_C[at], rows, at), rows, at)
                loss_M = loss_M * self._truncated_ratio(logp_C[at], rows, at)
                self.tally.add_sum(f"loss_{kind}", loss_M.detach())
                loss_C = loss_C.masked_scatter(at, loss_M)
        return loss_C

    def of_distributions(self, logp_CV: Tensor, rows: slice) -> Tensor:
        """(M,) weighted exact KLs from log pi_theta(.), at the tokens whose loss it is."""
        assert self.teacher is not None
        found = [at for kind, at in self._kinds(rows) if self._is_exact(kind)]
        if not found:
            return logp_CV.new_zeros(0)
        at = found[0]
        kl_M = losses.reverse_kl(logp_CV[at], self.teacher.log_probabilities(rows)[at])
        loss_M = self._weighted(kl_M, rows, at)
        self.tally.add_sum("loss_opd", loss_M.detach())
        return loss_M

    def _weighted(self, loss_M: Tensor, rows: slice, at: Tensor) -> Tensor:
        return loss_M * self.micro.coefficient[rows][at].to(loss_M.dtype)

    def _truncated_ratio(self, logp_M: Tensor, rows: slice, at: Tensor) -> Tensor | float:
        """(M,) min(pi_old(y_t) / pi_engine(y_t), c); 1 for KD's samples, which are the teacher's: NaN in the batch."""
        if self.tis_cap is None:
            return 1.0
        engine_M = self.micro.engine_logp[rows][at]
        ratio_M = losses.ratio(self._old(logp_M, rows, at), engine_M).clamp(max=self.tis_cap)
        return ratio_M.masked_fill(engine_M.isnan(), 1.0)

    def _old(self, logp_M: Tensor, rows: slice, at: Tensor) -> Tensor:
        """(M,) log pi_old; in the first step of a round, that of pi_theta."""
        return logp_M.detach() if self.micro.logp_old is None else self.micro.logp_old[rows][at]

    def _is_exact(self, kind: str) -> bool:
        return kind == "opd" and self.teacher is not None

    def _kinds(self, rows: slice) -> Iterator[tuple[str, Tensor]]:
        yield from ((kind, mask_R[rows]) for kind, mask_R in self.micro.kind.items() if mask_R[rows].any())

    def _token_loss(self, kind: str, logp_M: Tensor, rows: slice, at: Tensor) -> Tensor:
        """(M,) one of the token losses of scope/method/losses.py, at the M tokens of a chunk that `at` marks."""
        micro = self.micro
        old_M = self._old(logp_M, rows, at)
        scorer_M = micro.scorer_logp[rows][at]
        if kind == "mle":
            return losses.mle(logp_M, old_M)
        if kind == "nll":
            return losses.nll(logp_M)
        if kind == "opd":
            return losses.opd(logp_M, old_M, scorer_M, self.settings.opd_clip)
        clip, coefficient = self.settings.of_grpo()
        surrogate_M = losses.pg(logp_M, old_M, micro.advantage[rows][at].to(logp_M.dtype), clip)
        return surrogate_M + coefficient * losses.k3(logp_M, scorer_M) if coefficient else surrogate_M
