"""Activation checkpointing: a layer keeps its input, and the backward pass computes the rest again."""

from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from scope.errors import InputError
from scope.update.log import log


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Let every layer of a model keep its input alone. Raises InputError where the architecture cannot."""
    layers = sum(isinstance(module, GradientCheckpointingLayer) for module in model.modules())
    if not (model.supports_gradient_checkpointing and layers):
        raise InputError(
            f"{type(model).__name__} cannot compute its activations again; set update.checkpoint_activations to false, "
            "and lower update.micro_batch_tokens where memory is short",
            "unsupported-model",
        )
    model.gradient_checkpointing_enable({"use_reentrant": False})
    log(f"update: {layers} layers keep their input and compute their activations again")


def without_dropout(model: nn.Module) -> None:
    """Evaluation mode, but for layers that keep their input alone: transformers asks them whether they train."""
    model.eval()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module.gradient_checkpointing:
            module.training = True  # of the layer itself: attention and dropout inside it stay in evaluation mode
