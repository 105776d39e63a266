"""FLOPs of the training of a dense decoder on some rows, for the MFU of a step.

    F = (6 N - 2 M) sum_i T_i + 12 Q sum_l sum_i sum_{t <= T_i} min(t, w_l)

N parameters that multiply (lookups of embeddings do not), M of them frozen (all but adapters, with LoRA), T_i tokens of
row i, Q heads x their size, w_l the window of layer l, else T_i. The forward pass takes 2 N a token, and 4 Q for each
token that it attends to; gradients of activations take as much again, and those of trained parameters 2 (N - M).

With L layers and M = 0 this is 6 N + 12 L Q A a token, as in PaLM (arXiv 2204.02311, appendix B). There A is the length
of the sequence; here it is the mean number of tokens that a token attends to, since attention is causal. Activations
that are computed again are not counted.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

DENSE = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "gpt2", "gpt_neox", "opt", "cohere",
         "granite")  # fmt: skip
"""Values of `model_type` for which this is measured (tests/unit/update/test_model_flops.py)."""


@dataclass(frozen=True)
class DenseDecoder:
    """What the FLOPs of a decoder depend on."""

    parameters: int
    """N"""
    frozen: int
    """M"""
    queries: int
    """Q"""
    windows: tuple[int | None, ...]
    """w of every layer; None: it attends to all tokens before"""

    def training_flops(self, lengths: Iterable[int]) -> int:
        """F of rows of so many tokens, prompt and response."""
        rows = Counter(lengths)
        attended = sum(
            layers * number * _attended(length, window)
            for window, layers in Counter(self.windows).items()
            for length, number in rows.items()
        )
        of_a_token = 6 * self.parameters - 2 * self.frozen
        return of_a_token * sum(rows.elements()) + 12 * self.queries * attended


def dense_decoder(model: PreTrainedModel) -> DenseDecoder | None:
    """The decoder of a model before DeepSpeed divides its weights; None for another architecture than DENSE."""
    config = model.config.get_text_config()
    if config.model_type not in DENSE:
        return None
    multiplying = {
        parameter: getattr(parameter, "ds_numel", parameter.numel())  # of the whole weight, which may be divided
        for module in model.modules()
        if not isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    heads, layers = config.num_attention_heads, config.num_hidden_layers
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * layers
    windows = tuple(window if kind == "sliding_attention" else None for kind in kinds)
    frozen = sum(size for parameter, size in multiplying.items() if not parameter.requires_grad)
    return DenseDecoder(sum(multiplying.values()), frozen, heads * head, windows)


def _attended(length: int, window: int | None) -> int:
    """sum_{t <= length} min(t, window)"""
    reach = min(length, window or length)
    return reach * (reach + 1) // 2 + (length - reach) * reach
