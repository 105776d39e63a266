"""Tokenizers of model folders are read as their tokenizer.json describes them."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from model_folders import TEXTS, edit_json, model_folder
from refusals import refused
from scope.models.check_folder import check_model_folder
from scope.models.load import load_tokenizer
from scope.models.tokenizers import bpe_tokenizer, character_tokenizer

TRICKY = "Find  $x$:\n\n\tif a == 1_000:\n        print('é, 数')  # 🙂\n"


def labelled(folder, label, kind="llama", **changes):
    """A model folder whose byte-level tokenizer is labelled with another class."""
    model_folder(folder, kind)
    edit_json(folder / "tokenizer_config.json", tokenizer_class=label, **changes)
    return folder


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize(
    "label", ["LlamaTokenizerFast", "LlamaTokenizer", "Qwen2Tokenizer", "GPT2Tokenizer", "GemmaTokenizerFast", None]
)
def test_a_byte_level_tokenizer_keeps_every_character_whatever_its_label(tmp_path, kind, label):
    folder = labelled(tmp_path / "model", label, kind, chat_template="{{ messages[0].content }}")
    check_model_folder(folder)
    tokenizer = load_tokenizer(folder)
    ids = tokenizer(TRICKY, add_special_tokens=False)["input_ids"]
    described = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert ids == described.encode(TRICKY, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == TRICKY
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<eos>", "<pad>")
    assert tokenizer.chat_template == "{{ messages[0].content }}"


def test_a_tokenizer_that_was_read_right_is_saved_right(tmp_path):
    folder = labelled(tmp_path / "model", "LlamaTokenizerFast")
    for saved in ("once", "twice"):
        load_tokenizer(folder).save_pretrained(tmp_path / saved)
        (tmp_path / saved / "config.json").write_bytes((folder / "config.json").read_bytes())
        folder = tmp_path / saved
    tokenizer = load_tokenizer(folder)
    assert tokenizer.decode(tokenizer(TRICKY, add_special_tokens=False)["input_ids"]) == TRICKY
    assert tokenizer.eos_token == "<eos>"


def test_padding_and_truncation_stored_in_the_file_cut_nothing(tmp_path):
    folder = model_folder(tmp_path / "model")
    inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
    inner.enable_truncation(4)
    inner.enable_padding(length=64)
    inner.save(str(folder / "tokenizer.json"))
    tokenizer = load_tokenizer(folder)
    assert tokenizer.decode(tokenizer(TRICKY, add_special_tokens=False)["input_ids"]) == TRICKY


def metaspace():
    """A sentencepiece-like tokenizer, as those of Llama 2 and Gemma."""
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    from tokenizers.trainers import BpeTrainer

    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    inner.train_from_iterator(TEXTS, BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>", "</s>", *bytes_]))
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.mark.parametrize("label", ["LlamaTokenizerFast", "PreTrainedTokenizerFast"])
def test_a_sentencepiece_tokenizer_keeps_its_own_reading(tmp_path, label):
    folder = model_folder(tmp_path / "model", tokenizer=metaspace())
    edit_json(folder / "tokenizer_config.json", tokenizer_class=label)
    check_model_folder(folder)
    tokenizer = load_tokenizer(folder)
    described = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "Find $x$\nwith 2 spaces  and é"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == described.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("make", [character_tokenizer, lambda: bpe_tokenizer(TEXTS, 300)])
def test_tokenizers_of_made_models_are_read_as_before(tmp_path, make):
    made = make()
    made.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    text = "12-3=9;"
    assert load_tokenizer(tmp_path)(text)["input_ids"] == made(text)["input_ids"]


def test_a_tokenizer_that_cannot_be_loaded_is_refused(tmp_path):
    folder = model_folder(tmp_path / "model")
    (folder / "tokenizer.json").write_text('{"model": {"type": "of the future"}}')
    with refused("unknown-tokenizer", folder):
        check_model_folder(folder)
