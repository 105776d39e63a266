"""The kinds of models that users bring, in one table: each works in round 1 and once more as a saved policy in round 2,
or is refused by the stage `model`, before anything is spent on it."""

import json

import pytest
from tokenizers import AddedToken
from tokenizers.processors import TemplateProcessing

from model_folders import CONFIGS, TEXTS, edit_json, edit_weights, model_folder, padded_folder, works
from refusals import refused
from scope.models.check_folder import check_model_folder
from scope.models.end_tokens import end_token_ids
from scope.models.generation import copy_generation_config
from scope.models.load import load_model, load_tokenizer
from scope.models.tokenizers import bpe_tokenizer


def snapshot(folder):
    """A folder of the hub's cache: symbolic links to blobs."""
    blobs = model_folder(folder.with_name("blobs"), max_shard_size="20KB")
    folder.mkdir()
    for file in blobs.iterdir():
        (folder / file.name).symlink_to(f"../{blobs.name}/{file.name}")
    return folder


def edited(name, **changes):
    """What makes a model folder with changes of one JSON file."""

    def make(folder):
        model_folder(folder)
        edit_json(folder / name, **changes)
        return folder

    return make


def more_tokens_than_rows(folder):
    """As Gemma 3 1B, whose tokenizer has a token for images, which the model has no row for."""
    tokenizer = bpe_tokenizer(TEXTS, 300)
    rows = len(tokenizer)
    tokenizer.add_tokens([AddedToken("<image>", special=True)])
    return model_folder(folder, "gemma3_text", tokenizer=tokenizer, vocab_size=rows)


def bos_by_itself(folder):
    """A tokenizer that begins every text with BOS, as that of Llama 3."""
    tokenizer = bpe_tokenizer(TEXTS, 300)
    tokenizer.add_special_tokens({"bos_token": "<bos>"})
    tokenizer._tokenizer.post_processor = TemplateProcessing("<bos> $A", None, [("<bos>", tokenizer.bos_token_id)])
    return model_folder(folder, tokenizer=tokenizer, bos_token_id=tokenizer.bos_token_id)


def shape(kind, **changes):
    return lambda folder: model_folder(folder, kind, **changes)


WORK = {
    **{f"{kind}, tied head": shape(kind, tie_word_embeddings=True) for kind in CONFIGS},
    **{f"{kind}, untied head": shape(kind, tie_word_embeddings=False) for kind in CONFIGS},
    "snapshot of symbolic links": snapshot,
    "sharded safetensors": shape("qwen2", max_shard_size="20KB"),
    "padded vocabulary": padded_folder,
    "padded vocabulary with holes": lambda folder: padded_folder(folder, holes=(2, 7)),
    "more tokens than rows": more_tokens_than_rows,
    "several EOS ids": edited("generation_config.json", eos_token_id=[1, 5]),
    "negative EOS ids": edited("generation_config.json", eos_token_id=[-1, 1]),
    "EOS in config.json alone": edited("generation_config.json", eos_token_id=None),
    "temperature without do_sample": edited("generation_config.json", temperature=0.6),
    "byte-level tokenizer labelled as a Llama one": edited(
        "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast"
    ),
    "no padding token": edited("tokenizer_config.json", pad_token=None),
    "BOS by itself": bos_by_itself,
    "sliding window": shape("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=0),
    "scaled positions": shape("llama", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}),
}
REFUSED = {
    "weights that do not fit the config": (edited("config.json", num_hidden_layers=3), "missing-weights"),
    "quantized weights": (
        edited("config.json", quantization_config={"quant_method": "awq", "bits": 4}),
        "quantized",
    ),
    "no EOS anywhere": (
        lambda folder: edited("tokenizer_config.json", eos_token=None)(folder) and without_eos(folder),
        "no-eos-token",
    ),
    "adapter": (lambda folder: renamed(folder, "adapter_model.safetensors"), "missing-file"),
    "pickled weights": (lambda folder: renamed(folder, "pytorch_model.bin"), "missing-file"),
    "code of its own": (
        edited("config.json", model_type="own", auto_map={"AutoModelForCausalLM": "m.M"}),
        "unknown-model",
    ),
    "head that is neither stored nor tied": (
        lambda folder: edit_weights(model_folder(folder), lambda t: t.pop("lm_head.weight")) or folder,
        "missing-weights",
    ),
}


def without_eos(folder):
    edit_json(folder / "config.json", eos_token_id=None)
    edit_json(folder / "generation_config.json", eos_token_id=None)
    return folder


def renamed(folder, name):
    (model_folder(folder) / "model.safetensors").rename(folder / name)
    return folder


@pytest.mark.real
@pytest.mark.parametrize("make", WORK.values(), ids=WORK)
def test_what_works_works_again_as_a_saved_policy_and_ends_at_the_same_tokens(tmp_path, make):
    folder, saved = make(tmp_path / "model"), tmp_path / "saved"
    works(folder)
    load_model(folder, "float32").save_pretrained(saved)
    load_tokenizer(folder).save_pretrained(saved)
    copy_generation_config(folder, saved)
    works(saved)
    ends = [end_token_ids(one, load_tokenizer(one)) for one in (folder, saved)]
    assert ends[0] == ends[1] != []
    vocabularies = [json.loads((one / "tokenizer.json").read_text())["model"]["vocab"] for one in (folder, saved)]
    assert vocabularies[0] == vocabularies[1]


@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_by_folder(tmp_path, make, code):
    folder = make(tmp_path / "model")
    with refused(code, folder):
        check_model_folder(folder, trains=True)
