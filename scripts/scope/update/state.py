"""The optimizer state of a run: for each trained weight its value in full precision and AdamW's two moments, whole.

Safetensors: files of about FILE_BYTES, of which each rank writes those of its share of the weights. Neither the number
of ranks nor the ZeRO stage is in them, so a state that some ranks wrote can be read by any others.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import deepspeed
import torch
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch import distributed as dist
from torch.nn.functional import pad

from scope.errors import InputError

WEIGHT = "weight"
MOMENTS = ("exp_avg", "exp_avg_sq")
STEP = "step"
FILE_BYTES = 10**9


def save_state(engine: Any, folder: Path) -> None:
    """Write the state into `folder`, every rank its share; all ranks take part."""
    optimizer = OptimizerState(engine)
    files = StateWriter(folder, optimizer.step)
    for owner, name, parameter in optimizer.shares():
        whole = optimizer.read(parameter)
        if owner == dist.get_rank():
            files.add({f"{part}.{name}": value.detach().cpu().contiguous() for part, value in whole.items()})
    files.flush()


def load_state(engine: Any, folder: Path) -> None:
    """Load a state, whatever ranks and ZeRO stage wrote it; all ranks take part and read each file once in all.

    Raises InputError where `folder` holds no state, or that of other weights.
    """
    optimizer, files = OptimizerState(engine), StateFiles(folder)
    files.check({name for _, name, _ in optimizer.shares()})
    optimizer.step = files.step
    for owner, name, parameter in optimizer.shares():
        whole = {}
        for part in (WEIGHT, *MOMENTS):
            value = (
                files.read(f"{part}.{name}") if owner == dist.get_rank() else torch.empty(optimizer.shape(parameter))
            )
            whole[part] = value.to(engine.device)
            dist.broadcast(whole[part], owner)
        optimizer.write(parameter, whole)


class StateWriter:
    """Writes one rank's files, each as soon as it is full: little waits in memory, and several are hashed at once."""

    def __init__(self, folder: Path, step: int):
        self.folder, self.step, self.number = folder, step, 0
        self.waiting: dict[str, Tensor] = {}

    def add(self, tensors: dict[str, Tensor]) -> None:
        """Add tensors, by their names in the files."""
        self.waiting |= tensors
        if sum(tensor.nbytes for tensor in self.waiting.values()) >= FILE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self.waiting:
            file = self.folder / f"{dist.get_rank():05d}-{self.number:05d}.safetensors"
            save_file(self.waiting, file, metadata={STEP: str(self.step)})
            self.number, self.waiting = self.number + 1, {}


class StateFiles:
    """The files of a saved state, each opened once."""

    def __init__(self, folder: Path):
        self.folder, self.file_of, self.step = folder, {}, 0
        for file in sorted(folder.glob("*.safetensors")):
            opened: Any = safe_open(file, "pt")
            self.file_of |= dict.fromkeys(opened.keys(), opened)
            self.step = int(opened.metadata()[STEP])

    def check(self, names: set[str]) -> None:
        """Make sure that the state is of exactly these weights."""
        if not self.file_of:
            raise InputError(
                f"{self.folder}: no optimizer state; give the manifest of the round before as --state",
                "no-optimizer-state",
            )
        written = {key.partition(".")[2] for key in self.file_of}
        if other := sorted(names ^ written):
            kept = "has" if other[0] in written else "lacks"
            raise InputError(
                f"{self.folder}: the optimizer state {kept} {other[0]}, unlike the policy; run the rounds again from "
                "the first",
                "other-state",
            )

    def read(self, key: str) -> Tensor:
        """A tensor of the state."""
        return self.file_of[key].get_tensor(key)


class OptimizerState:
    """What DeepSpeed's engine holds of AdamW's state, as whole tensors of each trained weight.

    DeepSpeed has an interface for this from ZeRO stage 1 on. At stage 0 every rank holds the optimizer whole: on the
    weights themselves, or on float32 copies of bfloat16 ones.
    """

    def __init__(self, engine: Any):
        self.engine, self.sharded = engine, engine.zero_optimization_stage() > 0
        self.adam = getattr(engine.optimizer, "optimizer", engine.optimizer)
        optimized = [tensor for group in self.adam.param_groups for tensor in group["params"]]
        self.optimized: list[Tensor] = getattr(engine.optimizer, "fp32_partitioned_groups_flat", optimized)
        self.trained = {name: p for name, p in engine.module.named_parameters() if p.requires_grad}
        if not self.sharded:
            self.master_of = dict(zip(self.trained.values(), self.optimized, strict=True))
        self._fill()

    def _fill(self) -> None:
        """AdamW makes its state at the first step; before, it is zero."""
        for tensor in self.optimized:
            if not self.adam.state[tensor]:
                moments = {moment: torch.zeros_like(tensor) for moment in MOMENTS}
                self.adam.state[tensor] = {STEP: torch.tensor(0.0, device=tensor.device), **moments}
        link = getattr(self.engine.optimizer, "_lazy_init_hp_params_optimizer_state", None)
        if link:
            link()

    def shares(self) -> Iterator[tuple[int, str, Tensor]]:
        """Each trained weight with its name and the rank that writes or reads it for all."""
        for index, (name, parameter) in enumerate(self.trained.items()):
            yield index % dist.get_world_size(), name, parameter

    @property
    def step(self) -> int:
        """Optimizer steps so far, as AdamW's bias correction counts them."""
        return max(int(self.adam.state[tensor][STEP]) for tensor in self.optimized)

    @step.setter
    def step(self, number: int) -> None:
        for tensor in self.optimized:
            self.adam.state[tensor][STEP].fill_(number)

    @staticmethod
    def shape(parameter: Any) -> torch.Size:
        """The whole weight's, also where it is sharded."""
        return getattr(parameter, "ds_shape", parameter.shape)

    def read(self, parameter: Tensor) -> dict[str, Tensor]:
        """The weight in full precision and its moments."""
        if not self.sharded:
            master = self.master_of[parameter]
            return {WEIGHT: master.detach(), **{moment: self.adam.state[master][moment] for moment in MOMENTS}}
        moments = {moment: safe_get_full_optimizer_state(parameter, moment) for moment in MOMENTS}
        return cast(dict[str, Tensor], {WEIGHT: safe_get_full_fp32_param(parameter), **moments})

    @torch.no_grad()
    def write(self, parameter: Tensor, whole: dict[str, Tensor]) -> None:
        """Set the weight, in full precision and as the policy computes with it, and its moments."""
        if hasattr(parameter, "ds_tensor"):
            safe_set_local_fp32_param(parameter, _part(parameter, whole[WEIGHT]))
            for moment in MOMENTS:
                safe_set_local_optimizer_state(parameter, _part(parameter, whole[moment]), moment)
        elif self.sharded:
            safe_set_full_fp32_param(parameter, whole[WEIGHT])
            for moment in MOMENTS:
                safe_set_full_optimizer_state(parameter, whole[moment], moment)
        else:
            for value, kept in zip(whole.values(), self.read(parameter).values(), strict=True):
                kept.copy_(value)
        with deepspeed.zero.GatheredParameters([parameter], modifier_rank=0):
            parameter.copy_(whole[WEIGHT])


def _part(parameter: Any, whole: Tensor) -> Tensor:
    """This rank's part at stage 3, the last one padded; DeepSpeed's own cut fails unless ranks divide the weight."""
    size = parameter.ds_tensor.ds_numel
    padded = pad(whole.flatten(), (0, size * dist.get_world_size() - whole.numel()))
    return padded.narrow(0, size * dist.get_rank(), size)
