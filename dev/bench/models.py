"""The models of the benchmarks: Llama architecture, random weights of a fixed seed, float32."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 0


def random_model(shape: Mapping[str, Any]) -> LlamaForCausalLM:
    """The same weights in every process and environment."""
    torch.manual_seed(SEED)
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    settings: dict[str, Any] = {**shape, **ids, "tie_word_embeddings": True, "max_position_embeddings": 4096}
    return LlamaForCausalLM(LlamaConfig(**settings)).eval()


def word_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of so many ids, since libraries ask for one; the rows are made of ids and never of text."""
    backend = Tokenizer(WordLevel({f"w{number}": number for number in range(size)}, unk_token="w0"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="w0", bos_token="w1", eos_token="w2")


def saved_model(shape: Mapping[str, Any], folder: Path) -> None:
    """Write model and tokenizer in Hugging Face format."""
    random_model(shape).save_pretrained(folder)
    word_tokenizer(shape["vocab_size"]).save_pretrained(folder)
