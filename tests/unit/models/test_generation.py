"""Generation settings of a model folder: they stop no saving, and change no sample."""

import json

import pytest

from model_folders import edit_json, model_folder
from refusals import refused
from scope.models.check_folder import check_model_folder
from scope.models.generation import copy_generation_config
from scope.models.load import load_model
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine

STRANGE = [
    {"temperature": 0.6},
    {"top_p": 0.9, "top_k": 20},
    {"do_sample": False, "min_p": 0.1},
    {"do_sample": True, "temperature": 0.6, "repetition_penalty": 1.5},
    {"length_penalty": 2.0},
    {"pad_token_id": -1},
    {"future_setting": {"a": 1}},
]


@pytest.mark.parametrize("settings", STRANGE)
def test_a_model_with_any_settings_that_load_can_be_saved_with_all_its_eos_ids(tmp_path, settings):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "generation_config.json", eos_token_id=[1, 7], **settings)
    check_model_folder(folder)
    load_model(folder, "float32").save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert saved["eos_token_id"] == [1, 7]
    assert not saved.keys() & {"temperature", "top_p", "min_p", "repetition_penalty"}


@pytest.mark.parametrize("settings", [{"temperature": 0.6}, {"top_p": 0.9, "do_sample": False}])
def test_settings_of_generation_in_the_models_configuration_do_not_stop_saving(tmp_path, settings):
    folder = model_folder(tmp_path / "model")
    (folder / "generation_config.json").unlink()
    edit_json(folder / "config.json", **settings)
    check_model_folder(folder)
    load_model(folder, "float32").save_pretrained(tmp_path / "saved")
    load_model(tmp_path / "saved", "float32")


@pytest.mark.parametrize("settings", [{"max_new_tokens": -1}, {"early_stopping": "x"}, {"num_return_sequences": 3}])
def test_settings_that_cannot_be_loaded_are_refused_by_file(tmp_path, settings):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "generation_config.json", **settings)
    with refused("generation-config", folder / "generation_config.json", next(iter(settings))):
        check_model_folder(folder)


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_damaged_file_is_refused(tmp_path, text):
    folder = model_folder(tmp_path / "model")
    (folder / "generation_config.json").write_text(text)
    with refused("generation-config", folder / "generation_config.json"):
        check_model_folder(folder)


def test_settings_of_the_folder_change_no_sample(tmp_path):
    plain = model_folder(tmp_path / "model")
    requests = [Request([5, 6, 7], seed) for seed in range(8)]
    sample = lambda: TransformersEngine(plain, dtype="float32", max_model_len=64).sample(  # noqa: E731
        requests, Sampling(temperature=1.0, max_tokens=8)
    )
    before = sample()
    edit_json(
        plain / "generation_config.json", repetition_penalty=3.0, suppress_tokens=[5, 6, 7, 8, 9], min_new_tokens=5
    )
    assert sample() == before


def test_the_file_goes_along_with_a_saved_model_and_may_be_absent(tmp_path):
    source = model_folder(tmp_path / "model")
    edit_json(source / "generation_config.json", temperature=0.6)
    target = tmp_path / "saved"
    target.mkdir()
    copy_generation_config(source, target)
    assert json.loads((target / "generation_config.json").read_text())["temperature"] == 0.6
    (source / "generation_config.json").unlink()
    copy_generation_config(source, target)
