"""Open the engine that a recipe names."""

from pathlib import Path

from scope.models.dtype import Dtype
from scope.rollout.engine import Engine


def open_engine(kind: str, folder: str | Path, *, dtype: Dtype, max_model_len: int, tempered: bool = False) -> Engine:
    """The engine `vllm` or `transformers` with the model of `folder` loaded.

    Log-probabilities are those of log softmax(logits), or, `tempered`, of log softmax(logits / temperature).
    """
    if kind == "vllm":
        from scope.rollout.vllm import VllmEngine as Chosen
    else:
        from scope.rollout.transformers import TransformersEngine as Chosen
    return Chosen(folder, dtype=dtype, max_model_len=max_model_len, tempered=tempered)
