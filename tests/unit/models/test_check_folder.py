"""Model folders that users bring: what works passes, what cannot work is refused by file and tensor."""

import json
import shutil

import pytest
import torch

from conftest import ROOT, run
from model_folders import edit_json, edit_weights, model_folder, works
from refusals import refused
from scope.artifacts.recipe import make_recipe
from scope.models.check_folder import check_model_folder
from scope.models.load import load_model
from scope.planning.content import model_content


def add_old_buffers(tensors):
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(4)


def add_a_value_head(tensors):
    tensors["v_head.summary.weight"] = torch.zeros(1, 32)


def add_a_vision_tower(tensors):
    tensors["vision_tower.encoder.layers.0.mlp.fc1.weight"] = torch.zeros(2, 2)


@pytest.mark.parametrize("change", [add_old_buffers, add_a_value_head, add_a_vision_tower])
def test_weights_beside_the_layers_are_no_error(tmp_path, change):
    folder = model_folder(tmp_path / "model")
    edit_weights(folder, change)
    works(folder)


def test_a_tied_head_that_is_stored_twice_passes_where_both_are_equal(tmp_path):
    folder = model_folder(tmp_path / "model", tie_word_embeddings=True)
    edit_weights(folder, lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
    works(folder)
    edit_weights(folder, lambda t: t["lm_head.weight"].add_(1))
    with refused("tied-weights-differ", folder, "lm_head.weight", "model.embed_tokens.weight", "tie_word_embeddings"):
        check_model_folder(folder)


UP = "model.layers.1.mlp.up_proj.weight"


def lose(tensors):
    del tensors[UP]


def misname(tensors):
    tensors["model.layers.1.mlp.upper.weight"] = tensors.pop(UP)


def reshape(tensors):
    tensors[UP] = torch.zeros(47, 32)


def add_a_layer(tensors):
    tensors["model.layers.2.mlp.up_proj.weight"] = tensors[UP].clone()


def add_a_bias(tensors):
    tensors["model.layers.1.self_attn.q_proj.bias"] = torch.zeros(32)


def lose_the_head(tensors):
    del tensors["lm_head.weight"]


MISFITS = [
    (lose, "missing-weights", [UP]),
    (misname, "missing-weights", [UP]),
    (reshape, "other-shapes", [UP, "[47, 32]", "[48, 32]"]),
    (add_a_layer, "unused-weights", ["model.layers.2.mlp.up_proj.weight"]),
    (add_a_bias, "unused-weights", ["model.layers.1.self_attn.q_proj.bias"]),
    (lose_the_head, "missing-weights", ["lm_head.weight", "tie_word_embeddings"]),
]


@pytest.mark.parametrize(("change", "code", "names"), MISFITS)
def test_weights_that_do_not_fit_the_configuration_are_refused_when_checked_and_when_loaded(
    tmp_path, change, code, names
):
    folder = model_folder(tmp_path / "model")
    edit_weights(folder, change)
    with refused(code, folder, *names):
        check_model_folder(folder)
    with refused(code, folder, *names):
        load_model(folder, "float32")


@pytest.mark.parametrize(
    ("kind", "label", "code"),
    [("qwen3", "qwen2", "missing-weights"), ("qwen3", "llama", "unused-weights"), ("qwen2", "llama", "unused-weights")],
)
def test_weights_of_another_architecture_are_refused(tmp_path, kind, label, code):
    folder = model_folder(tmp_path / "model", kind)
    other = model_folder(tmp_path / "other", label)
    shutil.copyfile(other / "config.json", folder / "config.json")
    with refused(code, folder, "model.layers.0.self_attn"):
        check_model_folder(folder)


def test_a_configuration_of_another_size_is_refused(tmp_path):
    folder = model_folder(tmp_path / "model")
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    edit_json(folder / "config.json", vocab_size=400)
    with refused("other-shapes", folder, "model.embed_tokens.weight"):
        check_model_folder(folder)
    edit_json(folder / "config.json", vocab_size=rows, num_hidden_layers=1)
    with refused("unused-weights", folder, "model.layers.1."):
        check_model_folder(folder)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_folder_is_refused_with_what_it_lacks(tmp_path, missing):
    with refused("no-such-folder", tmp_path / "nowhere"):
        check_model_folder(tmp_path / "nowhere")
    folder = model_folder(tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    (folder / missing).unlink()
    with refused("missing-file", folder, missing):
        check_model_folder(folder)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "generation_config.json"])
def test_a_git_lfs_pointer_is_refused_by_name(tmp_path, name):
    folder = model_folder(tmp_path / "model")
    (folder / name).write_text(POINTER)
    with refused("lfs-pointer", folder / name, "git lfs pull"):
        check_model_folder(folder)


def test_a_shard_that_is_a_pointer_is_absent_or_is_a_broken_link_is_refused_by_name(tmp_path):
    folder = model_folder(tmp_path / "model", max_shard_size="20KB")
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.write_text(POINTER)
    with refused("lfs-pointer", shard):
        check_model_folder(folder)
    shard.unlink()
    with refused("missing-file", shard, "model.safetensors.index.json"):
        check_model_folder(folder)
    shard.symlink_to("../../blobs/0123")
    with refused("missing-file", shard, "../../blobs/0123"):
        check_model_folder(folder)


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_truncated_weights_are_refused_by_name(tmp_path, keep):
    folder = model_folder(tmp_path / "model")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with refused("damaged-file", file):
        check_model_folder(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}', "{}"])
def test_a_damaged_index_is_refused_by_name(tmp_path, text):
    folder = model_folder(tmp_path / "model", max_shard_size="20KB")
    (folder / "model.safetensors.index.json").write_text(text)
    with refused("damaged-file", folder / "model.safetensors.index.json"):
        check_model_folder(folder)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("pytorch_model.bin", "save_pretrained"),
        ("pytorch_model-00001-of-00002.bin", "save_pretrained"),
        ("adapter_model.safetensors", "adapter"),
        ("weights.gguf", "safetensors"),
        (None, "safetensors"),
    ],
)
def test_other_weights_are_refused_with_what_to_do(tmp_path, name, how):
    folder = model_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / (name or "elsewhere"))
    with refused("missing-file", folder, name or "model.safetensors", how):
        check_model_folder(folder)


def test_two_sets_of_weights_are_refused_as_engines_load_different_ones(tmp_path):
    folder = model_folder(tmp_path / "model", max_shard_size="20KB")
    model_folder(tmp_path / "single")
    shutil.copyfile(tmp_path / "single" / "model.safetensors", folder / "model.safetensors")
    with refused("two-sets-of-weights", folder):
        check_model_folder(folder)


def test_an_index_that_names_the_single_file_passes(tmp_path):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "model.safetensors.index.json", weight_map={"model.norm.weight": "model.safetensors"})
    works(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_damaged_json_file_is_refused_by_name(tmp_path, name):
    folder = model_folder(tmp_path / "model")
    (folder / name).write_text("{")
    with refused({"config.json": "unknown-model"}.get(name, "unknown-tokenizer"), folder):
        check_model_folder(folder)


@pytest.mark.parametrize(
    "changes",
    [{"model_type": "of_the_future", "auto_map": {"AutoConfig": "m.C"}}, {"model_type": "t5"}, {"model_type": None}],
)
def test_what_is_no_causal_language_model_of_transformers_is_refused(tmp_path, changes):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "config.json", **changes)
    with refused("unknown-model", folder):
        check_model_folder(folder)


def test_a_model_without_an_end_of_text_is_refused(tmp_path):
    folder = model_folder(tmp_path / "model", eos_token_id=None)
    edit_json(folder / "tokenizer_config.json", eos_token=None)
    with refused("no-eos-token", folder, "tokenizer_config.json"):
        check_model_folder(folder)
    edit_json(folder / "generation_config.json", eos_token_id=[1, 2])
    check_model_folder(folder)


@pytest.mark.parametrize(("config", "generation"), [(1, None), (None, 1), ([1, 5], -1), (-1, [-1, 1]), (9_999, 1)])
def test_an_end_of_text_in_either_file_is_enough(tmp_path, config, generation):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "tokenizer_config.json", eos_token=None)
    edit_json(folder / "config.json", eos_token_id=config)
    edit_json(folder / "generation_config.json", eos_token_id=generation)
    works(folder)


@pytest.mark.parametrize("ends", [-1, [-1, -2], [], 9_999])
def test_ids_that_no_token_has_are_no_end_of_text(tmp_path, ends):
    folder = model_folder(tmp_path / "model", eos_token_id=None, vocab_size=320)
    edit_json(folder / "tokenizer_config.json", eos_token=None)
    edit_json(folder / "generation_config.json", eos_token_id=ends)
    with refused("no-eos-token", folder, "tokenizer_config.json"):
        check_model_folder(folder)


@pytest.mark.real
def test_the_stage_writes_a_manifest_of_what_works_and_one_line_of_what_does_not(tmp_path):
    folder = model_folder(tmp_path / "model", max_shard_size="20KB")
    manifest = tmp_path / "out" / "manifest.json"
    command = ["python", "scripts/model.py", "--name", "student", "--folder", folder, "--out", manifest]
    recipe = tmp_path / "recipe.json"
    recipe.write_text(
        make_recipe("model", {"models": {"student": {"content": model_content(str(folder)), "random_init": None}}})
    )
    run(*command, "--recipe", recipe, cwd=ROOT)
    assert {name for name in json.loads(manifest.read_text())["files"] if name.endswith("safetensors")}
    sorted(folder.glob("*.safetensors"))[0].unlink()
    failed = run(*command, "--recipe", recipe, cwd=ROOT, check=False)
    assert failed.returncode == 2
    assert "model-00001-of" in failed.stderr
    assert "Traceback" not in failed.stderr
