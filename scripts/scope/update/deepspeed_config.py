"""DeepSpeed's configuration of an update."""

from typing import Any

from scope.update.execution import Execution, zero_optimization
from scope.update.recipe import UpdateSettings


def deepspeed_config(update: UpdateSettings, execution: Execution, dtype: str) -> dict[str, Any]:
    """DeepSpeed's own configuration: the user's `update.deepspeed`, and what other keys decide.

    Gradients of bfloat16 weights are summed over micro-batches in float32, but at ZeRO stage 0, where DeepSpeed cannot.
    """
    zero = zero_optimization(execution.deepspeed, execution.ranks, dtype)
    sums = {"data_types": {"grad_accum_dtype": "fp32"}} if dtype == "bfloat16" and zero["stage"] else {}
    return {
        **sums,
        **execution.deepspeed,
        "zero_optimization": zero,
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": update.grad_clip,
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": dtype == "bfloat16"},
        "steps_per_print": 2**31,
    }
