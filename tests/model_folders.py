"""Small model folders of many kinds, as users bring them."""

import json

import pytest
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

from scope.models.check_folder import check_model_folder
from scope.models.load import load_model
from scope.models.pair import Pair
from scope.models.tokenizers import EOS, PAD, PUZZLE_CHARACTERS, UNKNOWN, bpe_tokenizer
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine
from scope.score.in_process import InProcessTeacher

PROMPT = [5, 6, 7]
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


def eight_bits(folder):
    """A model folder, and its copy with weights of 8 bits as compressed-tensors, which transformers can load."""
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs,
        QuantizationConfig,
        QuantizationScheme,
        apply_quantization_config,
    )

    full, quantized, tokenizer = folder / "full", folder / "quantized", bpe_tokenizer(TEXTS, 300)
    model = load_model(model_folder(full, "qwen3", tokenizer=tokenizer), "float32")
    weights = QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel")
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    settings = QuantizationConfig(config_groups={"all": scheme}, ignore=["lm_head"])
    apply_quantization_config(model, settings)
    for layer in model.modules():
        if hasattr(layer, "weight_scale"):
            layer.weight_scale.data = layer.weight.detach().abs().amax(1, keepdim=True) / 127
    compressor = ModelCompressor(quantization_config=settings)
    compressor.compress_model(model)
    model.save_pretrained(quantized)
    compressor.update_config(quantized)
    tokenizer.save_pretrained(quantized)
    return full, quantized


def works(folder, *, trains=True):
    """The folder passes the check, of a student where it `trains`, and its model samples and scores."""
    check_model_folder(folder, trains=trains)
    engine = TransformersEngine(folder, dtype="float32", max_model_len=64)
    (sample,) = engine.sample([Request(PROMPT, seed=1)], Sampling(temperature=1.0, max_tokens=4))
    teacher = InProcessTeacher(folder, dtype="float32", temperature=1.0, pack_tokens=64)
    (scores,) = teacher.score([Pair(PROMPT, sample.token_ids)])
    assert scores == pytest.approx(sample.logprobs, abs=1e-4)
