"""The policy as a folder in Hugging Face format, with adapters added to the weights that they belong to."""

from pathlib import Path
from typing import Any, cast

import deepspeed
import torch
from torch import Tensor
from torch import distributed as dist
from transformers import PreTrainedModel

FILE_SIZE = "1GB"
"""Files of this size are hashed at once, on as many cores."""
BASE, A, B = ".base_layer.weight", ".lora_A.default.weight", ".lora_B.default.weight"
"""How peft names the parts of an adapted layer."""


def save_policy(policy: PreTrainedModel, folder: Path) -> None:
    """Write it from rank 0, gathered weight by weight where it is sharded; all ranks take part."""
    whole: dict[str, Tensor] = {}
    copies: dict[Tensor, Tensor] = {}
    named = policy.state_dict(keep_vars=True)
    for name, weight in named.items():
        layer = name.removesuffix(BASE)
        adapter = [named[layer + A], named[layer + B]] if layer != name else []
        with deepspeed.zero.GatheredParameters([weight, *adapter], modifier_rank=None):
            if ".lora_" in name or dist.get_rank() > 0:
                continue
            if weight not in copies:
                added = _added(policy.get_submodule(layer), *adapter) if adapter else None
                copies[weight] = _copy(weight, added)
            whole[name.replace(".base_layer.", ".")] = copies[weight]
    if dist.get_rank() == 0:
        policy.save_pretrained(folder, state_dict=whole, max_shard_size=FILE_SIZE)


@torch.no_grad()
def _added(layer: Any, a: Tensor, b: Tensor) -> Tensor:
    """alpha / rank B A in float32 at least, in the orientation of the layer's weight."""
    wide = torch.promote_types(a.dtype, torch.float32)
    added = cast(float, layer.scaling["default"]) * (b.to(wide) @ a.to(wide))
    return added.T if layer.fan_in_fan_out else added


@torch.no_grad()
def _copy(weight: Tensor, added: Tensor | None) -> Tensor:
    """On the CPU; a weight that is not sharded is copied only where something is added."""
    if added is not None:
        return (weight + added).to(weight.dtype).cpu()
    return weight.detach().to("cpu", copy=hasattr(weight, "ds_id"))
