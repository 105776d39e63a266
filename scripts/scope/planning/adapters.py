"""What LoRA trains of the student (scope/update/lora.py), from the headers of its weights alone."""

import re

from scope.artifacts.weight_headers import matrices_in
from scope.config.experiment import Config
from scope.errors import InputError
from scope.planning.content import model_folder
from scope.planning.random_init import layer_matrices

IN_A_LAYER = re.compile(r"\.\d+\.")
"""Beside numbered layers lie embeddings, the head, and in some architectures other linear layers."""
NOT_ADAPTED = {"embed_tokens", "embed_positions", "wte", "wpe", "embed_in", "embed_out", "word_embeddings", "lm_head"}
"""Names of embeddings and heads in transformers. One of another name counts as a linear layer, until it is loaded."""


def trained_parameters(config: Config, parameters: int) -> int:
    """How many of the student's `parameters` are trained, at most: A and B of each adapter have rank x (in + out)."""
    lora = config.update.lora
    if lora is None:
        return parameters
    every = lora.targets == "all-linear"
    adapted = [sum(size) for name, size in _layers(config).items() if every or _last(name) in lora.targets]
    return lora.rank * sum(adapted) or parameters


def check_targets(config: Config) -> None:
    """Raise InputError where a target of LoRA is the name of no matrix of the student, as far as they are known."""
    lora = config.update.lora
    if lora is None or lora.targets == "all-linear":
        return
    names = set(map(_last, _layers(config)))
    for target in lora.targets:
        if names and target not in names:
            raise InputError(
                f"update.lora.targets: the student's layers have no {target!r}; they have {', '.join(sorted(names))}",
                "unknown-target",
            )


def _layers(config: Config) -> dict[str, tuple[int, int]]:
    """Rows and columns of the student's matrices that may get an adapter; none where they are not known beforehand."""
    folder = model_folder(config, "student")
    matrices = matrices_in(folder) if folder else layer_matrices(config, "student")
    return {name: size for name, size in matrices.items() if IN_A_LAYER.search(name) or _last(name) not in NOT_ADAPTED}


def _last(name: str) -> str:
    return name.rpartition(".")[2]
