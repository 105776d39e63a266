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


def ending(eos):
    """A tokenizer of the puzzle's vocabulary with an EOS, or without."""
    tokenizer = character_tokenizer()
    tokenizer.eos_token = eos
    return tokenizer


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        (("<eos>", [1]), ("<eos>", [1])),
        (("<eos>", [1]), ("<eos>", [1, 4])),
        (("<eos>", [1, 4]), ("<eos>", [1])),
        (("<eos>", [1, 3]), ("0", [1, 3])),
        ((None, [1, 3]), ("<eos>", [1])),
        (("<eos>", [1]), (None, [1, 3])),
    ],
)
def test_ends_of_text_that_both_models_know_pass(student, teacher):
    found = checks.check_end_tokens(ending(student[0]), ending(teacher[0]), (student[1], teacher[1]))
    assert "<eos> (id 1)" in found


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        (("<eos>", [1]), ("0", [3])),
        (("<eos>", [1]), ("0", [1, 3])),
        (("0", [1, 3]), ("<eos>", [1])),
        ((None, [1]), (None, [3])),
    ],
)
def test_an_end_of_text_that_the_other_model_does_not_know_is_named(student, teacher):
    with refused("other-tokenizer", "<eos> (id 1)", "0 (id 3)", "eos_token_id"):
        checks.check_end_tokens(ending(student[0]), ending(teacher[0]), (student[1], teacher[1]))


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_probes_must_be_finite(bad):
    assert "2 probe log-probabilities" in checks.check_finite([[-1.0], [-2.0]])
    with refused("invalid-logprobs", "1 of 2"):
        checks.check_finite([[-1.0], [bad]])


@pytest.mark.parametrize(("dtype", "near", "far"), [("float32", 5e-5, 5e-3), ("bfloat16", 0.05, 0.6)])
def test_backends_must_agree_on_average_and_at_most_tokens(dtype, near, far):
    names, expected = ("in_process", "vllm"), [[-1.0] * 50, [-2.0] * 50]
    shifted = lambda gap, count: [[-1.0] * 50, [-2.0] * (50 - count) + [-2.0 - gap] * count]  # noqa: E731
    assert "in_process and vllm agree" in checks.check_agreement(shifted(near, 50), expected, dtype, names)
    assert "at most" in checks.check_agreement(shifted(far, 1), expected, dtype, names)
    for wrong in (shifted(far, 50), shifted(far, 8), shifted(float("nan"), 1)):
        with refused("different-weights", "in_process and vllm", dtype):
            checks.check_agreement(wrong, expected, dtype, names)


def test_a_teacher_with_fewer_rows_than_the_students_tokens_is_named():
    assert "17" in checks.check_rows(character_tokenizer(), 40, 17)
    with refused("other-tokenizer", "16 rows", "need 17"):
        checks.check_rows(character_tokenizer(), 17, 16)


def test_a_teacher_needs_no_row_for_a_token_that_the_student_has_no_row_for_either():
    assert "16 rows" in checks.check_rows(character_tokenizer(), 16, 16)


def test_probes_are_the_same_in_every_run():
    prompts = pl.DataFrame({"prompt_id": ["b", "a"], "prompt_token_ids": [[1], [2]]})
    assert checks.probe_prompts(prompts) == checks.probe_prompts(prompts[::-1]) == [[2], [1]]
