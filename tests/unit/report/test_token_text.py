"""Tokens as text in the report: every kind of vocabulary, spaces and lone bytes made visible."""

import pytest
from tokenizers import Tokenizer, decoders, models

from scope.models.tokenizers import bpe_tokenizer, character_tokenizer
from scope.report.token_text import speller

TEXTS = ["Tom has 3 apples.\n\n  He said: \\\\frac{1}{2}", "naïve 日本 😀 \t tab\r\n"]


@pytest.fixture
def byte_level(tmp_path):
    made = bpe_tokenizer(["Tom has apples. He said"] * 20, 300)
    made.save_pretrained(tmp_path)
    return made, speller(tmp_path)


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_of_a_byte_level_vocabulary_make_up_the_text(byte_level, text):
    tokenizer, spell = byte_level
    spelled = spell(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert len(spelled) == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    whole = "".join(spelled)
    for sign, character in {"␣": " ", "↵": "\n", "⇥": "\t", "␍": "\r"}.items():
        assert whole.count(sign) == text.count(character)
    assert " " not in whole
    assert "\n" not in whole


def test_lone_bytes_are_hexadecimal(byte_level):
    tokenizer, spell = byte_level
    assert "".join(spell(tokenizer("日", add_special_tokens=False)["input_ids"])) == "\\xe6\\x97\\xa5"


def test_special_tokens_are_shown_by_name_and_ids_without_token_in_brackets(byte_level):
    tokenizer, spell = byte_level
    assert spell([tokenizer.eos_token_id, len(tokenizer) + 5]) == [tokenizer.eos_token, f"<{len(tokenizer) + 5}>"]


def test_characters(tmp_path):
    tokenizer = character_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    ids = tokenizer("-1=6;-6=0", add_special_tokens=False)["input_ids"]
    assert "".join(speller(tmp_path)(ids)) == "-1=6;-6=0"


def test_a_sentencepiece_vocabulary_keeps_the_space_before_a_word(tmp_path):
    tokenizer = Tokenizer(models.BPE({"\u2581the": 0, "\u2581": 1, "<0xE2>": 2, "<0x0A>": 3}, [], byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert speller(tmp_path)([0, 1, 2, 3]) == ["␣the", "␣", "\\xe2", "↵"]


def test_without_a_tokenizer_file_ids_are_shown(tmp_path):
    assert speller(tmp_path)([5, 17]) == ["<5>", "<17>"]
