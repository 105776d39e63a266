"""What a step logs of its tokens beside the loss: entropy, ratios of Eq. 1, the gap to the engine that sampled."""

import torch

from scope.method import losses
from scope.models.head_loss import LossOfTokens
from scope.update.loss_settings import LossSettings
from scope.update.micro_batch import MicroBatch
from scope.update.step_metrics import StepMetrics


@torch.no_grad()
def observe(micro: MicroBatch, seen: LossOfTokens, loss: LossSettings, tally: StepMetrics) -> None:
    """What is logged beside the loss; rows of weight 0 that only keep ranks in step do not count."""
    logp_R = seen.logp_R
    old_R = logp_R if micro.logp_old is None else micro.logp_old
    live = micro.coefficient != 0
    rho_R = losses.ratio(logp_R, old_R)
    gap_R = (micro.engine_logp - old_R).abs()
    known = live & ~gap_R.isnan()
    tally.add_mean("entropy", seen.entropy_R[live])
    tally.add_mean("ratio_mean", rho_R[live])
    tally.add_max("ratio_max", rho_R[live])
    tally.add_ess("ess", rho_R[live])
    tally.add_mean("engine_gap_mean", gap_R[known])
    tally.add_max("engine_gap_max", gap_R[known])
    if "opd" in micro.kind:
        wrong = live & micro.kind["opd"] & ~micro.correct
        advantage_R = micro.scorer_logp - logp_R
        tally.add_weighted_mean("advantage_incorrect", advantage_R[wrong], micro.coefficient[wrong])
        tally.add_mean("advantage_incorrect_positive", (advantage_R[wrong] > 0).float())
    if "pg" in micro.kind:
        clip, coefficient = loss.of_grpo()
        tally.add_mean("clipped", ((rho_R - 1).abs() > clip)[live].float())
        if coefficient:
            tally.add_mean("kl_reference", losses.k3(logp_R, micro.scorer_logp)[live])
