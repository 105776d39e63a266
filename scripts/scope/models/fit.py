"""Whether the weights that were loaded are those that the model's configuration asks for."""

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from scope.errors import InputError

SHOWN = 3


def refuse_misfit(folder: str | Path, model: PreTrainedModel, found: Mapping[str, Collection[Any]]) -> None:
    """Raise InputError, by tensor, where weights are absent, have another shape, or lie unused inside the layers.

    `found` is what transformers reports of loading: it knows tied heads, and what an architecture leaves out. Weights
    beside the layers that the model has no use for, such as a value head or a vision tower, are listed in the log.
    """
    if found["missing_keys"]:
        raise InputError(
            f"{folder}: the weights lack {_some(found['missing_keys'])}, which config.json asks for; correct "
            "config.json or download the weights again (a model without a head of its own: tie_word_embeddings: true)",
            "missing-weights",
        )
    if found["mismatched_keys"]:
        shapes = [
            f"{name} of shape {list(has)} instead of {list(asked)}" for name, has, asked in found["mismatched_keys"]
        ]
        raise InputError(
            f"{folder}: the weights do not fit config.json: {_some(shapes)}; correct it or download both again",
            "other-shapes",
        )
    unused = _inside_layers(model, found["unexpected_keys"])
    if unused:
        raise InputError(
            f"{folder}: the layers that config.json describes have no use for {_some(unused)}; correct config.json "
            "(model_type, number of layers, biases)",
            "unused-weights",
        )
    if found["unexpected_keys"]:
        print(f"{folder}: weights that are not used: {_some(found['unexpected_keys'])}", file=sys.stderr)


def _inside_layers(model: PreTrainedModel, names: Collection[str]) -> list[str]:
    """Those of `names` in a stack of layers that the model has, whether or not it has a layer of that number."""
    stacks = {match[0] for match in map(re.compile(r"^.*?\.\d+\.").match, model.state_dict()) if match}
    starts = tuple({re.sub(r"\d+\.$", "", stack) for stack in stacks})
    return [name for name in names if starts and name.startswith(starts)]


def _some(names: Collection[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
