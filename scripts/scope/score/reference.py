"""The teacher's own pass for its check: it continues prompts, scores what it wrote, and leaves memory again."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel

from scope.errors import InputError
from scope.models.padding import pad_left
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds
from scope.score.in_process import InProcessTeacher

TOKENS = 32


@dataclass(frozen=True)
class OwnPass:
    """What the teacher wrote, and its log-probabilities in nats of each of these tokens, as training uses them."""

    pairs: list[Pair]
    scores: list[list[float]]
    over_all_rows: list[list[float]]
    """As a server gives them, which knows nothing of ids that no token has."""


def own_pass(
    folder: Path,
    prompts: Sequence[Sequence[int]],
    tokens: TokenIds,
    *,
    dtype: str,
    pack_tokens: int | None,
    attention: str = "auto",
) -> OwnPass:
    """Continue prompts with the student's `tokens`, and score them; the model has left memory when this returns.

    Raises InputError where the model does not fit into the accelerator's memory.
    """
    try:
        teacher = InProcessTeacher(folder, dtype=dtype, temperature=1.0, pack_tokens=pack_tokens, attention=attention)
        rows = len(cast(torch.Tensor, teacher.model.get_input_embeddings().weight))
        pairs = continuations(teacher.model, prompts, tokens)
        scores = teacher.score(pairs)
        known, teacher.tokens = teacher.tokens, None
        return OwnPass(pairs, scores, teacher.score(pairs) if known and known.absent(rows) else scores)
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"{folder}: the teacher does not fit into this GPU's memory beside what is there ({error}); run the check "
            "on a GPU without a teacher server, or choose a smaller teacher",
            "out-of-memory",
        ) from None
    finally:
        teacher = None  # else a traceback, or this frame, would hold the model while memory is freed
        free_memory()


def free_memory() -> None:
    """Give what a deleted model held back to the accelerator: vLLM asks for most of it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@torch.inference_mode()
def continuations(model: PreTrainedModel, prompts: Sequence[Sequence[int]], tokens: TokenIds) -> list[Pair]:
    """Each prompt with TOKENS tokens sampled from the model at temperature 1, the same in every run on one machine."""
    padded, mask = pad_left(prompts)
    settings = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=TOKENS,
        min_new_tokens=TOKENS,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    ids = cast(Any, model).generate(
        input_ids=padded.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=settings,
        logits_processor=LogitsProcessorList([_Known(tokens)]),
    )
    return [Pair(list(prompt), row[padded.shape[1] :].tolist()) for prompt, row in zip(prompts, ids, strict=True)]


class _Known(LogitsProcessor):
    """Leaves the logits of tokens; makes damaged ones samplable, whose scores are then refused by name."""

    def __init__(self, tokens: TokenIds):
        self.tokens = tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self.tokens.of(scores.nan_to_num(0.0))
