"""The check of a quantized teacher: servers need no second pass of it; a job needs one that transformers can load."""

import runpy
import sys

import pytest

from conftest import RECIPE, ROOT
from model_folders import edit_json, eight_bits, model_folder
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.folder import write_manifest
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.score.connection import VARIABLE, Connection, to_text
from stub_server import serving

IN_PROCESS = {"backend": "in_process", "pack_tokens": 64, "attention": "auto"}
SERVED = {"backend": "external", "model": "teacher", "pack_tokens": 64, "exact_kl": False}


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Runs the check of a teacher's folder in this process, and gives its details by name."""
    row = {"problem": "p", "answer": "a", "source": "s", "domain": "math", "tests": None}
    prompts = [{"prompt_id": str(i), "prompt_token_ids": [3 + i, 14, 5][: i + 1], **row} for i in range(4)]
    parquet.write(tmp_path / "prompts.parquet", PROMPTS, prompts, recipe=RECIPE)

    def checked(folder, teacher):
        manifest, out = folder / "manifest.json", tmp_path / "checks.parquet"
        write_manifest(manifest, recipe=RECIPE)
        settings = {"teacher": teacher, "models": {"dtype": "float32"}, "rollout": {"engine": "vllm"}}
        recipe = ["--recipe", make_recipe("check_teacher", settings)]
        files = ["--prompts", tmp_path / "prompts.parquet", "--out", out]
        words = ["check_teacher", "--student", manifest, "--teacher", manifest, *files, *recipe]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        runpy.run_path(str(ROOT / "scripts/check_teacher.py"))["main"]()
        return dict(parquet.read(out, CHECKS).select("check", "detail").iter_rows())

    return checked


@pytest.fixture
def awq(tmp_path):
    """A folder whose weights only vLLM could run."""
    edit_json(model_folder(tmp_path / "awq") / "config.json", quantization_config={"quant_method": "awq", "bits": 4})
    return tmp_path / "awq"


def test_one_that_is_served_passes_and_the_details_name_what_was_not_compared(check, awq, monkeypatch):
    numbers = {"timeout_s": 20.0, "attempts": 1, "concurrency": 4, "patience_s": 0.5}
    with serving() as stub:
        where = Connection(urls=[stub.url], folder="none", key_file="none", **numbers)
        monkeypatch.setenv(VARIABLE, to_text(where))
        details = check(awq, SERVED)
        scored = sorted(stub.scored, key=lambda ids: (len(ids), ids))
    assert scored == [(3, 3), (4, 14, 4, 14), (5, 14, 5, 5, 14, 5), (6, 14, 5, 6, 14, 5)]
    assert details["finite"].startswith("9 probe")
    assert "not measured" in details["absent_tokens"]
    assert "not compared" in details["agreement"]


@pytest.mark.parametrize("teacher", [IN_PROCESS, SERVED | {"exact_kl": True}], ids=["scores", "exact KL"])
def test_one_that_transformers_cannot_load_is_refused_where_a_job_needs_it(check, awq, teacher):
    with refused("quantized", "awq", "teacher.backend"):
        check(awq, teacher)


def test_one_that_transformers_can_load_is_compared_with_itself_unpacked(check, tmp_path):
    """vLLM may compute with quantized weights, and activations, in another way."""
    _, quantized = eight_bits(tmp_path)
    assert "in_process and unpacked agree" in check(quantized, IN_PROCESS)["agreement"]
