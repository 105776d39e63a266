"""Small model folders of many kinds, as users bring them."""

import json

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from scope.models.tokenizers import EOS, PAD, PUZZLE_CHARACTERS, UNKNOWN, bpe_tokenizer

TEXTS = ["Find $x$ with $x^2 = 9$.\n", "def f(a):\n    return a\n"]
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
}
CONFIGS = {
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "llama": LlamaConfig,
    "gemma2": Gemma2Config,
    "gemma3_text": Gemma3TextConfig,
}


def model_folder(folder, kind="llama", *, tokenizer=None, max_shard_size="5GB", **changes):
    """A folder with a randomly initialised model of a kind in CONFIGS and a byte-level tokenizer; returns it."""
    tokenizer = tokenizer or bpe_tokenizer(TEXTS, 300)
    config = CONFIGS[kind](**{"vocab_size": len(tokenizer), **SHAPE, **changes})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder, max_shard_size=max_shard_size)
    tokenizer.save_pretrained(folder)
    return folder


def edit_json(path, **changes):
    """Change entries of a JSON file; None removes one."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def edit_weights(folder, change, file="model.safetensors"):
    """Change the dictionary of tensors of a safetensors file in place."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / file)
    change(tensors)
    save_file(tensors, folder / file, metadata={"format": "pt"})


def padded_folder(folder, *, rows=40, holes=(), **changes):
    """A model with more rows than its tokenizer has ids, 17 but for `holes`; the others are as likely as tokens."""
    ids = [i for i in range(rows) if i not in holes]
    names = [PAD, EOS, UNKNOWN, *PUZZLE_CHARACTERS]
    inner = Tokenizer(models.WordLevel(dict(zip(names, ids, strict=False)), unk_token=UNKNOWN))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token=PAD, eos_token=EOS, unk_token=UNKNOWN)
    shape = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "vocab_size": rows, **changes}
    torch.manual_seed(0)
    model_folder(folder, tokenizer=tokenizer, **shape)
    edit_weights(folder, lambda tensors: tensors["lm_head.weight"].mul_(15))
    return folder
