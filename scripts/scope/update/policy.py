"""The policy as a folder in Hugging Face format."""

from pathlib import Path

import deepspeed
from torch import Tensor
from torch import distributed as dist
from transformers import PreTrainedModel


def save_policy(policy: PreTrainedModel, folder: Path) -> None:
    """Write it from rank 0, gathered weight by weight where it is sharded; all ranks take part."""
    whole: dict[Tensor, Tensor] = {}
    named = policy.state_dict(keep_vars=True)
    for weight in named.values():
        with deepspeed.zero.GatheredParameters([weight], modifier_rank=None):
            if weight not in whole and dist.get_rank() == 0:
                whole[weight] = weight.detach().to("cpu", copy=hasattr(weight, "ds_id"))
    if dist.get_rank() == 0:
        policy.save_pretrained(folder, state_dict={name: whole[weight] for name, weight in named.items()})
