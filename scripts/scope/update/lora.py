"""Low-rank adapters (LoRA, arXiv 2106.09685): of a linear layer with weight W, A and B are trained and W stays.

    W + alpha / rank B A        A (rank, in), B (out, rank), B = 0 at the start

The base of every round is the student before round 1, and the optimizer state holds the adapters: a policy, in which
both are one weight (policy.py), is for the engines and is not trained further.
"""

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from scope.errors import InputError
from scope.seeds import derive_seed
from scope.update.log import log
from scope.update.recipe import LoraSettings


def add_adapters(model: PreTrainedModel, lora: LoraSettings, seed: int) -> None:
    """Give linear layers of a model adapters, the same for every arm with this seed; nothing else is trained then.

    Experts that are one weight are no linear layers. Raises InputError for a target that is none, or the head.
    """
    chosen = target_layers(model, lora.targets)
    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=chosen, lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "lora"))
        inject_adapter_in_model(settings, model)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    log(f"update: LoRA of rank {lora.rank} on {len(chosen):,} linear layers, {trained:,} parameters are trained")


def target_layers(model: PreTrainedModel, targets: str | list[str]) -> list[str]:
    """The names of the linear layers that get an adapter."""
    head = model.get_output_embeddings()
    layers = {
        name: name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    }
    known = sorted(set(layers.values()))
    wanted = known if isinstance(targets, str) else targets
    unknown = [repr(target) for target in wanted if target not in known]
    if unknown or not known:
        raise InputError(
            f"update.lora.targets: {type(model).__name__} has no linear layer {', '.join(unknown)} for an adapter; "
            f"it has {', '.join(known) or 'none beside its head: set update.lora to null'}",
            "unknown-target",
        )
    return [name for name, last in layers.items() if last in wanted]
