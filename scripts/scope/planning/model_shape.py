"""The shape of a model, from its config.json and the number of its parameters: what its memory depends on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scope.artifacts.weight_headers import Weights
from scope.config.experiment import Config
from scope.planning.disk import WIDTH, parameters
from scope.planning.random_init import vocabulary_size

NAMES = {
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "vocabulary": ("vocab_size",),
}
"""Keys of config.json that architectures have for the same number."""
PACKED = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text", "phi3", "qwen3_moe", "mixtral", "gpt2", "gpt_neox",
          "opt", "cohere", "granite")  # fmt: skip
"""Values of `model_type` whose packed rows attend without a mask (scope/models/isolation.py measures it)."""
LOGIT_TERMS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Keys of architectures whose logits are more than a linear head."""
CALIBRATED = ("llama", "mistral", "qwen2", "qwen3")
"""Those whose activations dev/measure_memory.py measures, or that have the same layers."""


class ModelShape(NamedTuple):
    """Sizes of a model's parts, as numbers of values."""

    parameters: int
    vocabulary: int
    """V, rows of the head"""
    hidden: int
    """H"""
    layers: int
    intermediate: int
    """I, of the MLP: with experts, of all that one token passes"""
    heads: int
    queries: int
    """Q, of all heads of one token"""
    keys: int
    """K, of all key heads of one token; values have as many"""
    norms_heads: bool
    """Whether queries and keys are normalised (Qwen3)"""
    packed: bool
    """Whether packed rows attend without a mask"""
    whole_logits: bool
    """Whether logits are more than a linear head, and so computed for all tokens at once"""
    windowed: bool
    """Whether layers attend to a window, so that a KV cache may hold less than a sequence"""
    calibrated: bool
    """Whether the activations of this architecture were measured, and each layer's cache holds keys and values"""
    quantized: int | None = None
    """Bytes of quantized weights, as their files hold them"""

    def weights(self, width: int) -> int:
        """Bytes of the weights in a number format of `width` bytes, which quantized ones do not take."""
        return self.quantized or width * self.parameters


def model_shape(config: Config, name: str, folder: str, weights: Weights | None) -> ModelShape | int:
    """The shape of the student or the teacher; the number of parameters alone where config.json has no sizes.

    `folder` is empty for a model with random_init, which is a Qwen3.
    """
    count = parameters(config, name, weights)
    if not folder:
        return shape_of(_random_init(config, name), count)
    try:
        settings = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return count  # the stage `model` refuses the folder
    found = shape_of(settings, count) if isinstance(settings, dict) else count
    if not (weights and isinstance(settings, dict) and settings.get("quantization_config")):
        return found
    if isinstance(found, int):
        return weights.bytes // WIDTH["float32"]  # no more than there are, whatever format they are counted in
    return found._replace(quantized=weights.bytes)


def _random_init(config: Config, name: str) -> dict[str, Any]:
    shape = getattr(config.models, name).random_init
    return {
        "model_type": "qwen3",
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": vocabulary_size(config),
    }


def shape_of(settings: Mapping[str, Any], count: int) -> ModelShape | int:
    """The shape that a config.json describes, of a model with `count` parameters; `count` where it lacks a size."""
    text = settings["text_config"] if isinstance(settings.get("text_config"), dict) else settings
    found = {name: _number(text, *keys) for name, keys in NAMES.items()}
    if not count or not all(found.values()):
        return count
    hidden, heads, kind = found["hidden"], found["heads"], str(text.get("model_type"))
    head_dim = _number(text, "head_dim") or hidden // heads
    return ModelShape(
        parameters=count,
        intermediate=_intermediate(text, hidden),
        queries=heads * head_dim,
        keys=(_number(text, "num_key_value_heads") or heads) * head_dim,
        norms_heads=kind.startswith(("qwen3", "gemma3")),
        packed=kind in PACKED,
        whole_logits=any(text.get(key) not in (None, 1) for key in LOGIT_TERMS),
        windowed=bool(text.get("sliding_window")) and text.get("use_sliding_window") is not False,
        calibrated=kind in CALIBRATED,
        **found,
    )


def _intermediate(text: Mapping[str, Any], hidden: int) -> int:
    """Values of the MLP that one token passes."""
    size = _number(text, "intermediate_size", "ffn_dim", "n_inner") or 4 * hidden
    chosen = _number(text, "num_experts_per_tok")
    return chosen * (_number(text, "moe_intermediate_size") or size) if chosen else size


def _number(text: Mapping[str, Any], *names: str) -> int:
    """The first of these keys that is a positive whole number; 0 where none is."""
    values = (text.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0), 0)
