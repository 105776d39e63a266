"""What a step costs in time and memory. Another run of the same step costs something else.

    seconds_old_logprobs   the pass for pi_old of Eq. 1; 0 in the first step of a round, which needs none
    seconds_forward        the layers, with the exact KL also the teacher's, and the head: its loss and the gradient of
                           its weight and of the hidden states, taken with the logits (scope/models/head_loss.py)
    seconds_backward       the backward pass of the layers, with activations that are computed again
    seconds_optimizer      the sums over ranks that the backward pass did not wait for, guards and the step
    tokens_per_second      tokens of the step's rows on all ranks, over the sum of these
    peak_gpu_gb            largest memory allocated on the GPU in the step, without old log-probabilities
    peak_resident_gb       largest resident memory of the process since it began
    mfu                    the training's model FLOPs (model_flops.py) over those of all cards at their peak

Seconds and memory are those of the rank with the most.
"""

import resource
from collections.abc import Sequence

import torch
from torch import distributed as dist
from transformers import PreTrainedModel

from scope.update.log import log
from scope.update.model_flops import DENSE, dense_decoder
from scope.update.step_clock import StepClock

GB = 1e9


class StepCost:
    """Measures the steps of a model; `peak_tflops` is the peak of one card, None: no MFU is logged."""

    def __init__(self, model: PreTrainedModel, peak_tflops: float | None):
        self.peak = peak_tflops
        self.decoder = dense_decoder(model) if peak_tflops else None
        if peak_tflops and not self.decoder:
            log(f"update: no MFU is logged: its formula is that of the architectures {', '.join(DENSE)}, not of "
                f"{model.config.get_text_config().model_type}")  # fmt: skip

    def begin(self, clock: StepClock) -> None:
        """A step begins."""
        if clock.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(clock.device)
        clock.start()

    def of_step(self, clock: StepClock, lengths: Sequence[int]) -> dict[str, float]:
        """The figures of a step that has ended, given the tokens of each of its rows; equal on all ranks."""
        parts = clock.seconds()
        memory = {"peak_resident_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB}
        if clock.device.type == "cuda":
            memory["peak_gpu_gb"] = torch.cuda.max_memory_allocated(clock.device) / GB
        figures = _largest({"seconds": sum(parts.values()), **parts, **memory})
        seconds = figures.pop("seconds")
        figures["tokens_per_second"] = sum(lengths) / seconds
        if self.decoder and self.peak:
            available = seconds * dist.get_world_size() * self.peak * 1e12
            figures["mfu"] = self.decoder.training_flops(lengths) / available
        return figures


def _largest(figures: dict[str, float]) -> dict[str, float]:
    """Of all ranks, by name."""
    of_ranks = [figures] * dist.get_world_size()
    dist.all_gather_object(of_ranks, figures)
    return {name: max(each[name] for each in of_ranks) for name in figures}
