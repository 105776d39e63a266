"""A tokenizer that loses blanks or new lines of problems is refused; other changes are said once."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer, WordLevelTrainer
from transformers import PreTrainedTokenizerFast

from refusals import refused
from scope.models.tokenizers import bpe_tokenizer, character_tokenizer
from scope.prompts.round_trip import check_round_trip

TEXTS = ["Find $x$ with $x^2 = 9$.\n", "def f(a):\n    return a\n"]


def rows(*problems):
    return [{"row": number, "problem": problem} for number, problem in enumerate(problems)]


def normalizing(*steps):
    tokenizer = bpe_tokenizer(TEXTS, 300)
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(list(steps))
    return tokenizer


def sentencepiece(pre_tokenizer=None):
    """Byte-level vocabulary under sentencepiece rules: what a wrong label makes of it."""
    inner = Tokenizer(models.BPE(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizer or pre_tokenizers.Metaspace()
    inner.decoder = decoders.Fuse()
    inner.train_from_iterator(["abcdefghijklmnopqrstuvwxyz"], BpeTrainer(vocab_size=60, special_tokens=["<unk>"]))
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def words():
    """Whole words, split at blanks, put together with blanks: new lines become blanks."""
    inner = Tokenizer(models.WordLevel(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.train_from_iterator(["one two three"], WordLevelTrainer(special_tokens=["<unk>"]))
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")


@pytest.mark.parametrize("problem", ["one two\nthree", "one\ntwo"])
def test_a_tokenizer_that_loses_new_lines_is_refused_by_row(problem):
    check_round_trip(words(), rows("one two"), "file.parquet")
    with refused("lossy-tokenizer", "file.parquet", "row 1", repr(problem)):
        check_round_trip(words(), rows("one two", problem), "file.parquet")


def test_a_tokenizer_that_loses_blanks_is_refused_by_row():
    with refused("lossy-tokenizer", "file.parquet", "row 0"):
        check_round_trip(sentencepiece(), rows("one two"), "file.parquet")
    with refused("lossy-tokenizer", "file.parquet", "row 0"):
        check_round_trip(character_tokenizer(), rows("1 2"), "file.parquet")


@pytest.mark.parametrize(
    ("tokenizer", "problem"),
    [
        (normalizing(normalizers.Lowercase()), "Find X"),
        (normalizing(normalizers.NFKC()), "x² and\u00a0ﬁne"),
        (normalizing(normalizers.Replace("\r\n", "\n")), "one\r\ntwo"),
        (normalizing(normalizers.Strip()), "  one\n"),
        (normalizing(normalizers.Replace("  ", " ")), "one  two"),
        (character_tokenizer(), "12a"),
    ],
)
def test_other_changes_are_reported_once_with_an_example(tokenizer, problem, capsys):
    check_round_trip(tokenizer, rows("12", problem, problem), "file.parquet")
    said = capsys.readouterr().err
    assert "2 of 3 problems; row 1: " in said
    assert repr(problem) in said


def test_a_faithful_tokenizer_reports_nothing(capsys):
    check_round_trip(bpe_tokenizer(TEXTS, 300), rows("\n Find  é\r\n\t数 🙂 <eos>\n", ""), "file.parquet")
    assert capsys.readouterr().err == ""
