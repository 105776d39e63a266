"""Tiny random models of many architectures: those that keep the pairs of a pack apart, and those that mix them."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 64
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 1,
}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
STATE = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_chunk_size": 8}
APART = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "mistral": {},
    "gemma2": {},
    "gemma3_text": {},
    "phi3": {},
    "qwen3_moe": EXPERTS,
    "mixtral": {"num_local_experts": 4},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512},
    "gpt_neox": {},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32, "dropout": 0.0},
    "cohere": {},
    "granite": {},
}
MIXING = {
    "qwen3_next": {**LINEAR, **EXPERTS, "shared_expert_intermediate_size": 32},
    "qwen3_5_text": LINEAR,
    "bamba": {**STATE, "attn_layer_indices": [1], "mamba_n_groups": 1},
    "granitemoehybrid": {
        **STATE,
        "layer_types": ["mamba", "attention"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "shared_intermediate_size": 32,
    },
    "falcon_h1": {**STATE, "mamba_d_ssm": 64},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "minimax": {"layer_types": ["linear_attention", "full_attention"], "block_size": 8, "num_local_experts": 2},
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 4, "state_size": 8, "n_groups": 1, "chunk_size": 8},
    "gpt_oss": {
        "layer_types": ["sliding_attention", "full_attention"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
    },
    "mpt": {"d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": 512},
    "bloom": {"n_layer": 2, "n_head": 2},
}
OWN_NAMES = {
    "mpt": ("hidden_size", "num_attention_heads", "num_hidden_layers"),
    "bloom": ("num_hidden_layers", "num_attention_heads"),
    "mamba2": ("num_attention_heads",),
}


def random_model(architecture, seed=0, **changes):
    """A model of one architecture, in evaluation mode, the same in every run; `changes` are settings of its config."""
    torch.manual_seed(seed)
    settings = {**COMMON, **(APART | MIXING)[architecture], **changes}
    for name in OWN_NAMES.get(architecture, ()):
        del settings[name]
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **settings)).eval()
