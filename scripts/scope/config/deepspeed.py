"""Which keys `update.deepspeed` may set, checked while planning: DeepSpeed itself ignores an unknown key at the top.

The tables follow the installed DeepSpeed, which takes seconds to import; tests/unit/config/test_deepspeed.py compares
the two.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from scope.config.read import nearest
from scope.config.types import read_number

OWNED = {
    **dict.fromkeys(
        ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps",
         "managed_gradient_accumulation"),
        "`update.prompts_per_step` and `update.micro_batch_tokens`",
    ),
    "gradient_clipping": "`update.grad_clip`",
    "optimizer": "`update.learning_rate` and `update.weight_decay`",
    "scheduler": "`update.schedule`",
    **dict.fromkeys(("bf16", "bfloat16", "fp16", "torch_autocast"), "`models.dtype`"),
    **dict.fromkeys(("steps_per_print", "zero_allow_untested_optimizer"), "the project itself; remove it"),
}  # fmt: skip
"""Keys that the project sets, and what decides them."""

TOP = {
    "activation_checkpointing", "aio", "autotuning", "checkpoint", "comet", "comms_logger", "communication_data_type",
    "compile", "csv_monitor", "data_efficiency", "data_types", "dataloader_drop_last", "datastates_ckpt",
    "disable_allgather", "disable_python_gc", "dump_state", "expert_parallel", "flops_profiler",
    "gradient_allreduce_op", "gradient_predivide_factor", "hybrid_engine", "log_level",
    "memory_breakdown", "pipeline", "prescale_gradients",
    "seq_parallel_communication_data_type", "tensor_parallel", "tensorboard",
    "timers", "use_data_before_expert_parallelism", "vocabulary_size", "wall_clock_breakdown", "wandb",
    "weight_quantization", "zero_force_ds_cpu_optimizer", "zero_optimization",
}  # fmt: skip
"""Other keys that DeepSpeed reads."""

Kind = Literal["int", "float", "bool", "text", "section"]


def _kinds(**names: str) -> dict[str, Kind]:
    return {name: cast(Kind, kind) for kind, words in names.items() for name in words.split()}


ZERO = _kinds(
    int="stage reduce_bucket_size allgather_bucket_size sub_group_size stage3_prefetch_bucket_size "
    "prefetch_bucket_size stage3_param_persistence_threshold param_persistence_threshold "
    "stage3_model_persistence_threshold model_persistence_threshold stage3_max_live_parameters "
    "max_live_parameters stage3_max_reuse_distance max_reuse_distance stage3_module_granularity_threshold "
    "module_granularity_threshold zero_hpz_partition_size",
    bool="contiguous_gradients reduce_scatter use_multi_rank_bucket_allreduce allgather_partitions "
    "overlap_comm compute_grad_norm load_from_fp32_weights elastic_checkpoint cpu_offload_param "
    "cpu_offload_use_pin_memory cpu_offload stage3_gather_16bit_weights_on_model_save "
    "gather_16bit_weights_on_model_save stage3_use_all_reduce_for_fetch_params "
    "use_all_reduce_for_fetch_params stage3_allgather_sequential allgather_sequential "
    "stage3_gather_fp16_weights_on_model_save ignore_unused_parameters legacy_stage1 "
    "round_robin_gradients parameter_alignment zero_quantized_weights zero_quantized_nontrainable_weights "
    "zero_quantized_gradients memory_efficient_linear pipeline_loading_checkpoint override_module_apply "
    "log_trace_cache_warnings enable_sanity_checks save_muon_momentum_buffer_in_memory",
    section="offload_param offload_optimizer zenflow leaf_module",
)
OFFLOAD = {
    "offload_param": _kinds(text="device nvme_path", int="buffer_count buffer_size max_in_cpu", bool="pin_memory"),
    "offload_optimizer": _kinds(
        text="device nvme_path",
        int="buffer_count",
        bool="pin_memory pipeline_read pipeline_write fast_init super_offload",
        float="ratio cpuadam_cores_perc",
    ),
}
DEVICES = ("none", "cpu", "nvme")


def check_deepspeed(given: Mapping[str, Any]) -> dict[str, Any]:
    """DeepSpeed's settings, text such as `5e8` as a number. Raises ValueError with what to write."""
    for key in given:
        if key in OWNED:
            raise ValueError(f"`deepspeed.{key}` is set by {OWNED[key]}")
        if key not in TOP:
            raise ValueError(_unknown(key, sorted(TOP)))
    settings = {key: _numbers(value) for key, value in given.items()}
    if "zero_optimization" in settings:
        settings["zero_optimization"] = _check_zero(settings["zero_optimization"])
        _check_offloading(settings)
    return settings


def _check_zero(given: Any) -> dict[str, Any]:
    zero = _check_section(given, ZERO, "zero_optimization")
    if zero.get("stage", 0) not in (0, 1, 2, 3):
        raise ValueError(f"`deepspeed.zero_optimization.stage` is 0, 1, 2 or 3, not {zero['stage']}")
    for name, kinds in OFFLOAD.items():
        if zero.get(name) is not None:
            where = f"zero_optimization.{name}"
            zero[name] = _check_section(zero[name], kinds, where)
            if zero[name].get("device", "none") not in DEVICES:
                raise ValueError(f"`deepspeed.{where}.device` is {', '.join(DEVICES)}, not {zero[name]['device']!r}")
    return zero


def _check_offloading(settings: Mapping[str, Any]) -> None:
    """States have to be saved, and DeepSpeed refuses PyTorch's AdamW on offloaded ones unless it is allowed."""
    zero = settings["zero_optimization"]
    device = (zero.get("offload_optimizer") or {}).get("device", "none")
    if zero.get("zenflow") is not None or device == "nvme":
        raise ValueError(
            "`deepspeed.zero_optimization`: states of the optimizer on NVMe or under `zenflow` cannot be saved for the "
            "next round; use `offload_optimizer: {device: cpu}`"
        )
    if (device != "none" or zero.get("cpu_offload")) and settings.get("zero_force_ds_cpu_optimizer", True):
        raise ValueError(
            "`deepspeed.zero_optimization.offload_optimizer` works with PyTorch's AdamW, the optimizer of `update`, "
            "only beside `deepspeed.zero_force_ds_cpu_optimizer: false`; add this, or remove `offload_optimizer`"
        )


def _unknown(name: str, known: list[str]) -> str:
    meant = nearest(name.rpartition(".")[2], known)
    return f"`deepspeed.{name}` is no key of DeepSpeed{meant}; it reads {', '.join(known)}"


def _check_section(given: Any, kinds: Mapping[str, Kind], where: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"`deepspeed.{where}` is a mapping of keys and values, not {given!r}")
    for key in given:
        if key not in kinds:
            raise ValueError(_unknown(f"{where}.{key}", sorted(kinds)))
    return {key: _check_value(value, kinds[key], f"{where}.{key}") for key, value in given.items()}


def _check_value(value: Any, kind: Kind, where: str) -> Any:
    """The value as its kind, integral numbers of an `int` as one; null is DeepSpeed's default."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "int": number and float(value).is_integer() and value >= 0,
        "float": number,
        "bool": isinstance(value, bool),
        "text": isinstance(value, str),
        "section": isinstance(value, Mapping),
    }
    if value is not None and not fits[kind]:
        wanted = {"int": "a whole number from 0", "float": "a number", "bool": "true or false", "text": "text"}
        raise ValueError(f"`deepspeed.{where}`: write {wanted.get(kind, 'a mapping')}, not {value!r}")
    return int(value) if kind == "int" and value is not None else value


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _numbers(inner) for key, inner in value.items()}
    return [_numbers(inner) for inner in value] if isinstance(value, list) else read_number(value)
