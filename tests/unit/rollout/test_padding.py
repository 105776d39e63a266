"""The engine `transformers` needs no padding token, and padding changes no sample."""

import pytest

from model_folders import edit_json, model_folder
from scope.models.load import load_tokenizer
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine

REQUESTS = [Request([5, 6, 7, 8, 9, 10, 11], 1), Request([12, 13], 2), Request([14], 3)]


def sample(folder, requests, **changes):
    engine = TransformersEngine(folder, dtype="float32", max_model_len=64)
    return engine.sample(requests, Sampling(**{"temperature": 1.0, "max_tokens": 8, **changes}))


def test_a_tokenizer_without_a_padding_token_samples_the_same(tmp_path):
    folder = model_folder(tmp_path / "model")
    with_padding = sample(folder, REQUESTS)
    edit_json(folder / "tokenizer_config.json", pad_token=None)
    edit_json(folder / "config.json", pad_token_id=None)
    edit_json(folder / "generation_config.json", pad_token_id=None)
    assert load_tokenizer(folder).pad_token is None
    assert sample(folder, REQUESTS) == with_padding


@pytest.mark.parametrize("penalty", [1.0, 3.0])
def test_a_sample_in_a_padded_batch_is_that_of_its_prompt_alone(tmp_path, penalty):
    folder = model_folder(tmp_path / "model")
    together = sample(folder, REQUESTS, repetition_penalty=penalty)
    alone = [sample(folder, [request], repetition_penalty=penalty)[0] for request in REQUESTS]
    assert [one.token_ids for one in together] == [one.token_ids for one in alone]
