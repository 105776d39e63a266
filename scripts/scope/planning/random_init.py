"""The sizes of a model that the workflow makes, a Qwen3 with a tied head, before it exists."""

import math

from scope.config.experiment import Config

CHARACTERS = 17  # entries of the vocabulary `characters`


def vocabulary_size(config: Config) -> int:
    """Ids of the tokenizer that is made too."""
    tokenizer = config.models.tokenizer
    return CHARACTERS if tokenizer.kind == "characters" else tokenizer.vocab_size


def layer_matrices(config: Config, model: str) -> dict[str, tuple[int, int]]:
    """Rows and columns of every matrix in the layers of `student` or `teacher`, by name."""
    shape = getattr(config.models, model).random_init
    hidden, queries, keys = shape.hidden_size, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    of_layer = {
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_proj": (shape.intermediate_size, hidden),
        "up_proj": (shape.intermediate_size, hidden),
        "down_proj": (hidden, shape.intermediate_size),
    }
    return {f"layers.{layer}.{name}": size for layer in range(shape.layers) for name, size in of_layer.items()}


def made_parameters(config: Config, model: str) -> int:
    """Parameters of `student` or `teacher`: embeddings, matrices and norms of layers, and the last norm."""
    shape = getattr(config.models, model).random_init
    matrices = sum(map(math.prod, layer_matrices(config, model).values()))
    norms = 2 * shape.hidden_size + 2 * shape.head_dim
    return vocabulary_size(config) * shape.hidden_size + matrices + shape.layers * norms + shape.hidden_size
