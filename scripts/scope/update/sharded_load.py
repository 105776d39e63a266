"""Loading a model whose weights are divided among the ranks as they are read (ZeRO stage 3): no rank holds all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers.integrations.deepspeed import HfDeepSpeedConfig, unset_hf_deepspeed_config


@contextmanager
def sharded_load(config: dict[str, Any]) -> Iterator[None]:
    """Context: at stage 3 of DeepSpeed's configuration, models that transformers loads are divided among all ranks."""
    kept = HfDeepSpeedConfig(config)  # transformers refers to it weakly
    try:
        yield
    finally:
        unset_hf_deepspeed_config()
        del kept
