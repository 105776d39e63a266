"""Teacher checks: each fault is told with both names before training starts."""

import polars as pl
import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from refusals import refused
from scope.models.tokenizers import PUZZLE_CHARACTERS, character_tokenizer
from scope.score import teacher_checks as checks


def other_tokenizer(*tokens):
    vocabulary = {token: i for i, token in enumerate(tokens)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")


def test_equal_token_maps_pass():
    assert "17 student tokens" in checks.check_token_map(character_tokenizer(), character_tokenizer())


def test_a_larger_teacher_vocabulary_passes():
    larger = other_tokenizer("<pad>", "<eos>", "<unk>", *PUZZLE_CHARACTERS, "+", "*")
    checks.check_token_map(character_tokenizer(), larger)


def test_another_token_under_the_same_id_is_named():
    swapped = other_tokenizer("<pad>", "<eos>", "<unk>", *PUZZLE_CHARACTERS[::-1])
    with refused("other-tokenizer", "id 3", "'0'", "':'"):
        checks.check_token_map(character_tokenizer(), swapped)


def test_a_smaller_teacher_vocabulary_is_named():
    with refused("other-tokenizer", "id 16", "':'", "None"):
        checks.check_token_map(
            character_tokenizer(), other_tokenizer("<pad>", "<eos>", "<unk>", *PUZZLE_CHARACTERS[:-1])
        )


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_probes_must_be_finite(bad):
    assert "2 probe log-probabilities" in checks.check_finite([[-1.0], [-2.0]])
    with refused("invalid-logprobs", "1 of 2"):
        checks.check_finite([[-1.0], [bad]])


@pytest.mark.parametrize("other", [-1.01, float("nan")])
def test_backends_must_agree(other):
    assert "agree to 5.0e-05" in checks.check_agreement([[-1.0]], [[-1.00005]], "float32", ("in_process", "vllm"))
    with refused("different-weights", "in_process and vllm"):
        checks.check_agreement([[-1.0]], [[other]], "float32", ("in_process", "vllm"))


def test_probes_are_the_same_in_every_run():
    prompts = pl.DataFrame({"prompt_id": ["b", "a"], "prompt_token_ids": [[1], [2]]})
    assert checks.probe_pairs(prompts, 17) == checks.probe_pairs(prompts[::-1], 17)
    assert [pair.prompt for pair in checks.probe_pairs(prompts, 17)] == [[2], [1]]
