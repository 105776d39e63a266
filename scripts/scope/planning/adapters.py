"""What LoRA trains of the student (scope/update/lora.py), from the headers of its weights alone."""

import re

from scope.artifacts.weight_headers import matrices_in
from scope.config.experiment import Config
from scope.errors import InputError
from scope.planning.content import model_folder

IN_A_LAYER = re.compile(r"\.\d+\.")
"""Beside numbered layers lie embeddings and the head."""

Matrices = dict[str, tuple[int, int]]


def trained_parameters(config: Config, parameters: int) -> int:
    """How many of the student's `parameters` are trained, at most: A and B of each adapter have rank x (in + out)."""
    lora = config.update.lora
    if lora is None:
        return parameters
    sizes = {name: rows + columns for name, (rows, columns) in _matrices(config).items() if IN_A_LAYER.search(name)}
    adapted = [size for name, size in sizes.items() if lora.targets == "all-linear" or _last(name) in lora.targets]
    return lora.rank * sum(adapted) or parameters


def check_targets(config: Config) -> None:
    """Raise InputError where a target of LoRA is the name of no matrix of the student, as far as they are known."""
    lora = config.update.lora
    names = {_last(name) for name in _matrices(config) if IN_A_LAYER.search(name)} if lora else set()
    for target in lora.targets if lora and names and lora.targets != "all-linear" else ():
        if target not in names:
            raise InputError(
                f"update.lora.targets: the student's layers have no {target!r}; they have {', '.join(sorted(names))}",
                "unknown-target",
            )


def _matrices(config: Config) -> Matrices:
    """Rows and columns of the student's matrices; none where they cannot be known before it is loaded."""
    folder = model_folder(config, "student")
    return matrices_in(folder) if folder else _random_init(config)


def _random_init(config: Config) -> Matrices:
    """Those of a Qwen3."""
    shape = config.models.student.random_init
    assert shape is not None
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


def _last(name: str) -> str:
    return name.rpartition(".")[2]
