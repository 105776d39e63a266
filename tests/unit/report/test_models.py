"""The report names its experiment, and the models with their origin and supervised steps."""

import json
import re
import struct

import pytest

from conftest import seal_files
from report_world import FOLDER, html, models, page, recipe, section, visible, world  # noqa: F401

pytestmark = pytest.mark.real  # each builds a whole page
SHAPE = {"hidden_size": 64, "intermediate_size": 128, "layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 32, "seed": 5}
SFT = {"rows": "mine/solved.jsonl", "steps": 40, "batch": 8, "learning_rate": 2e-5, "canonical": 0.0, "seed": 1}


def test_folders_are_named_as_the_configuration_gives_them(html):
    shown = section(html, "models")
    assert "compute in bfloat16 ." in shown
    assert "student – ${MODELS}/tiny none teacher – ${MODELS}/tiny none" in shown


@pytest.mark.parametrize(
    ("shape", "config", "shown"),
    [
        ([30, 2], "{}", "60"),
        ([134_515, 1000], "{}", "134.5 M"),
        ([1_540_000, 1000], "{}", "1.54 B"),
        ([134_515, 1000], '{"quantization_config": {}}', "–"),
    ],
)
def test_parameters_are_those_of_the_weights_headers(page, tmp_path, shape, config, shown):
    header = json.dumps({"weight": {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]}})
    weights = struct.pack("<Q", len(header)).decode("latin-1") + header
    made = {"config.json": config, "model.safetensors": weights}
    teacher = seal_files(tmp_path / "large/manifest.json", **made)
    assert f"teacher {shown} ${{MODELS}}/tiny none" in section(page(teacher=[teacher]), "models")


def test_made_and_fine_tuned_models_state_how(page):
    settings = models(path=None, random_init=SHAPE, sft={**SFT, "rows": None, "canonical": 0.7})
    settings["teacher"] = {**FOLDER, "sft": SFT}
    shown = section(page(recipe=[recipe(models=settings)]), "models")
    made = "random weights: head_dim 32, heads 4, hidden_size 64, intermediate_size 128, kv_heads 2, layers 3, seed 5"
    steps = "learning_rate 2e-05, seed 1, steps 40"
    assert f"student – {made} generated problems, batch 8, canonical 0.7, {steps}" in shown
    assert f"teacher – ${{MODELS}}/tiny rows mine/solved.jsonl, batch 8, {steps}" in shown


def test_title_and_header_name_the_experiment(page):
    several, alone = page(), page(recipe=[recipe(arms=["scope"])], evaluations=[], metrics=[], batches=[])
    assert "(made-up)</title>" in several
    assert "(made-up, scope)</title>" in alone
    assert "Experiment made-up ." in visible(re.search("<header>.*?</header>", several, re.DOTALL)[0])
