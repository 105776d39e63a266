"""`update` obeys: the optimizer steps of one round over the batch that `weigh` made.

    L = sum_i weight_i / normaliser_i * sum_t loss_{i,t}       over the whole global batch of a step

Rows are dealt to ranks and cut into packed micro-batches; every rank runs the same number of them (a rank that has run
out repeats a pack with zero weight), and the engine's average over ranks is undone, so that neither the cut nor the
number of ranks changes the gradient by more than rounding. Shapes as in losses.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, Protocol, cast

import deepspeed
import polars as pl
import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.utils import get_total_norm
from transformers import PreTrainedModel

from scope.errors import InputError
from scope.models.head import Distribution, Hidden
from scope.models.head_loss import LossOfTokens, loss_of_tokens
from scope.models.isolation import Packing, packing_of, set_attention
from scope.models.pack_plan import PACK_TOKENS, plan_packs
from scope.models.packed_forward import at_responses, read_at_responses, response_log_probabilities
from scope.models.token_ids import TokenIds
from scope.update.activations import checkpoint_activations, without_dropout
from scope.update.checkpoints import Checkpoint, from_first_rank
from scope.update.deepspeed_config import deepspeed_config
from scope.update.dropout import log_unused_dropout
from scope.update.execution import Execution
from scope.update.guards import check_guards
from scope.update.log import log
from scope.update.loss_settings import LossSettings
from scope.update.lr_schedule import learning_rate
from scope.update.micro_batch import MicroBatch, lengths_of, micro_batch
from scope.update.observe import observe
from scope.update.policy import save_policy
from scope.update.recipe import UpdateSettings
from scope.update.round_progress import BOTH, FORWARD, RoundProgress
from scope.update.state import OptimizerState, load_state, save_state
from scope.update.step_clock import StepClock
from scope.update.step_cost import StepCost
from scope.update.step_metrics import StepMetrics
from scope.update.token_loss import MicroBatchLoss


class Optimizer(Protocol):
    """What the trainer needs of DeepSpeed's optimizer."""

    param_groups: list[dict[str, Any]]


class Trainer:
    """A DeepSpeed engine around the policy, and the teacher where the exact KL needs its distribution.

    Both distributions are over `tokens`, the ids of the policy's tokenizer, else over all rows of the policy. With
    `peak_tflops`, the peak of one card in TFLOP/s, steps have their MFU.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        update: UpdateSettings,
        execution: Execution,
        dtype: str,
        loss: LossSettings,
        teacher: PreTrainedModel | None = None,
        tokens: TokenIds | None = None,
        peak_tflops: float | None = None,
    ):
        self.update, self.execution, self.loss, self.teacher, self.tokens = update, execution, loss, teacher, tokens
        log_unused_dropout(model.config)
        self.cost = StepCost(model, peak_tflops)
        if execution.checkpoint_activations:
            checkpoint_activations(model)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        # Every step sets the rate; at stage 0 in bfloat16 DeepSpeed makes a first one, of no gradient, by itself
        optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=update.weight_decay, fused=True)
        self.engine, wrapped, _, _ = deepspeed.initialize(
            model=model, optimizer=optimizer, config=deepspeed_config(update, execution, dtype)
        )
        if dist.get_world_size() == 1 and self.engine.zero_optimization_stage() == 0:
            self.engine.enable_backward_allreduce = False  # it copies all gradients into a buffer and back
        OptimizerState(self.engine).step = 0  # it has counted that first one
        # What DeepSpeed's annotations leave open
        self.optimizer = cast(Optimizer, wrapped)
        self.policy = cast(PreTrainedModel, self.engine.module)
        self.device = cast(torch.device, self.engine.device)
        self.packing = self._packing(self.policy)
        self.teacher_packing = self._packing(teacher) if teacher else self.packing
        self.pack_tokens = min(self.packing.tokens, self.teacher_packing.tokens)

    def _packing(self, model: PreTrainedModel) -> Packing:
        """All ranks look, since each may have a part of the weights; the first rank's finding lets all cut alike."""
        budget = self.execution.micro_batch_tokens or PACK_TOKENS[self.device.type]
        found = packing_of(model, budget, self.execution.attention, log)
        packing = from_first_rank(lambda: found)
        set_attention(model, packing.attention)
        return packing

    def run_round(
        self, batch: pl.DataFrame, steps_done: int, checkpoint: Checkpoint | None = None
    ) -> Iterator[dict[str, float]]:
        """Run a round's optimizer steps, after a `checkpoint` those that follow; `steps_done` were in earlier rounds.

        Yields the metrics of each and its cost, equal on all ranks, with `step`, its number in the whole run from 1.
        """
        self.engine.train()
        without_dropout(self.policy)  # pi_theta is the policy that sampled, and Eq. 1 starts at 1
        rows = {steps_done + first + 1: batch.filter(step=first) for first in sorted(batch["step"].unique())}
        left = [number for number in rows if checkpoint is None or number > checkpoint.step]
        steps = [self.micro_batches(rows[number]) for number in left]
        clocks = [StepClock(self.device) for _ in steps]
        # The first step's own forward pass gives pi_old of its tokens: no step was made since
        first = 0 if checkpoint else 1
        with RoundProgress(steps, forward_passes=sum(map(len, steps[first:]))) as progress:
            for index in range(first, len(steps)):
                steps[index] = self.remember_old(steps[index], progress, clocks[index])
            if checkpoint:
                self.load_state(checkpoint.folder)
            for number, step, clock in zip(left, steps, clocks, strict=True):
                metrics, lengths = self.optimizer_step(step, number, progress, clock), lengths_of(rows[number])
                progress.end_step(sum(lengths))
                yield {"step": number, **metrics, **self.cost.of_step(clock, lengths)}

    def micro_batches(self, rows: pl.DataFrame) -> list[MicroBatch]:
        """This rank's packed micro-batches of one step, as many as on every other rank."""
        world, rank = dist.get_world_size(), dist.get_rank()
        rows = rows.sort("prompt_id", "sample_index")
        packs = plan_packs(lengths_of(rows), self.pack_tokens)
        mine = packs[rank::world]
        padding = -(-len(packs) // world) - len(mine)
        made = [micro_batch(rows[indices], self.device) for indices in mine]
        return made + [micro_batch(rows[packs[0]].with_columns(weight=pl.lit(0.0)), self.device)] * padding

    @torch.no_grad()
    def remember_old(self, step: list[MicroBatch], progress: RoundProgress, clock: StepClock) -> list[MicroBatch]:
        """pi_old of Eq. 1: this trainer's own log-probabilities at the start of the round."""
        temperature, linear, remembered = self.loss.student_temperature, self.packing.linear, []
        clock.start()
        for micro in step:
            logp_R = response_log_probabilities(self.engine, micro.pack, temperature, self.tokens, linear=linear)
            progress.passed(micro, FORWARD)
            remembered.append(replace(micro, logp_old=logp_R))
        clock.end("seconds_old_logprobs")
        return remembered

    def optimizer_step(
        self, step: list[MicroBatch], number: int, progress: RoundProgress, clock: StepClock
    ) -> dict[str, float]:
        """Accumulate the gradient of one global batch and step; returns its metrics."""
        u = self.update
        self.cost.begin(clock)
        rate = learning_rate(number, u.learning_rate, u.schedule, u.warmup_steps, u.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tally = StepMetrics(self.device)
        for index, micro in enumerate(step):
            self.engine.set_gradient_accumulation_boundary(index == len(step) - 1)
            loss = self.micro_batch_loss(micro, tally)
            if not loss.isfinite():
                raise InputError(f"step {number}: the loss is {loss.item()}; look for extreme log-probabilities, "
                                 "or lower update.learning_rate; the policy was not saved", "not-finite")  # fmt: skip
            clock.end("seconds_forward")
            self.engine.backward(loss * dist.get_world_size())
            clock.end("seconds_backward")
            progress.passed(micro, BOTH)
        metrics = tally.result()
        check_guards(metrics, u.guards, number)
        norm = self._step(number)
        clock.end("seconds_optimizer")
        return metrics | {"grad_norm": norm, "learning_rate": rate}

    def _step(self, number: int) -> float:
        """Step the optimizer; returns the gradient's norm before clipping, which has to be finite."""
        norm = None
        if self.engine.zero_optimization_stage() == 0:
            norm = get_total_norm([p.grad for p in self.policy.parameters() if p.grad is not None])
        self.engine.step()
        norm = float(cast(float, self.engine.get_global_grad_norm()) if norm is None else norm)
        if not isfinite(norm):
            raise InputError(f"step {number}: the gradient is not finite (norm {norm}); lower update.learning_rate; "
                             "the policy was not saved", "not-finite")  # fmt: skip
        return norm

    def micro_batch_loss(self, micro: MicroBatch, tally: StepMetrics) -> Tensor:
        """This micro-batch's share of L, and its tokens into the tally."""
        loss = MicroBatchLoss(micro, self.loss, tally, self.teacher_distribution(micro), self.update.tis_cap)
        seen: list[LossOfTokens] = []

        def compute(hidden: Hidden) -> Tensor:
            policy = Distribution(hidden, self.loss.student_temperature, self.tokens)
            divergence = loss.of_distributions if loss.teacher else None
            seen.append(loss_of_tokens(policy, micro.pack.targets, loss.of_tokens, divergence))
            return seen[0].total

        share = at_responses(self.engine, micro.pack, compute, linear=self.packing.linear)
        tally.add_sum("loss", share.detach())
        observe(micro, seen[0], self.loss, tally)
        return share

    @torch.no_grad()
    def teacher_distribution(self, micro: MicroBatch) -> Distribution | None:
        """log pi_T(.) over the student's vocabulary, where a loss of this micro-batch asks for it."""
        if self.loss.kl != "full" or "opd" not in micro.kind:
            return None
        if self.teacher is None or self.loss.teacher_temperature is None:
            raise InputError("kl: full needs the teacher and its temperature", "no-teacher")
        linear = self.teacher_packing.linear
        hidden = read_at_responses(self.teacher, micro.pack, lambda hidden: hidden, linear=linear)
        rows = self.policy.config.get_text_config().vocab_size
        tokens = (self.tokens or TokenIds(rows)).within(rows)
        if (known := hidden.vocabulary) < tokens.size:
            raise InputError(f"teacher: {known} tokens, student: {tokens.size}; use kl: sampled", "other-tokenizer")
        return Distribution(hidden, self.loss.teacher_temperature, tokens)

    def save_policy(self, folder: Path) -> None:
        """Write the policy in Hugging Face format from rank 0; all ranks take part."""
        save_policy(self.policy, folder)

    def save_state(self, folder: Path) -> None:
        """Write the optimizer state (update/state.py), every rank its share."""
        save_state(self.engine, folder)

    def load_state(self, folder: Path) -> None:
        """Load a state of the same weights, whatever ranks and ZeRO stage wrote it."""
        load_state(self.engine, folder)
