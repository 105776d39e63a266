"""How an update is computed: on how many ranks, in which pieces, what is kept meanwhile.

None of it changes the policy but by rounding. So it is no part of the recipe: a run that is short of memory or GPUs
resumes with other values, and no finished round runs again.
"""

from collections.abc import Mapping
from typing import Any

from scope.artifacts.recipe import Settings, parse_settings
from scope.models.dtype import Attention


class Execution(Settings):
    """Keys of the section `update` that change time and memory alone."""

    micro_batch_tokens: int | None
    """None: that of the device (scope/models/pack_plan.py)"""
    attention: Attention
    checkpoint_activations: bool
    ranks: int
    deepspeed: dict[str, Any]
    """Passed to DeepSpeed, over `zero_optimization` below."""


def zero_optimization(deepspeed: Mapping[str, Any], ranks: int, dtype: str) -> dict[str, Any]:
    """DeepSpeed's section of this name: ZeRO stage 1 unless another is written.

    Without the section, stage 0 on one rank in float32, where stage 1 divides nothing and copies weights and gradients.
    """
    if "zero_optimization" in deepspeed:
        return {"stage": 1, **deepspeed["zero_optimization"]}
    return {"stage": 0 if ranks == 1 and dtype == "float32" else 1}


def read_execution(text: str) -> Execution:
    """The argument --execution. Raises InputError that names each key that is missing, unknown or of a wrong type."""
    return parse_settings(text, Execution, "--execution", "`python scripts/recipe.py update --execution` prints one")
