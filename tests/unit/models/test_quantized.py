"""Quantized model folders: never trained; as teachers, loaded where transformers can, and refused by name elsewhere."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_folders import edit_json, eight_bits, model_folder, works
from refusals import refused
from scope.models.check_folder import check_model_folder
from scope.models.load import load_model

NOT_LOADED = [
    {"quant_method": "bitsandbytes", "load_in_4bit": True},
    {"quant_method": "gptq", "bits": 4},
    {"quant_method": "awq", "bits": 4, "group_size": 128},
]


def test_a_teacher_that_transformers_can_load_scores_as_it_samples_and_nearly_as_the_full_one(tmp_path):
    full, quantized = eight_bits(tmp_path)
    works(quantized, trains=False)
    ids = torch.tensor([[5, 6, 7, 8]])
    logits = [load_model(folder, "float32")(input_ids=ids).logits for folder in (full, quantized)]
    gap = (logits[0] - logits[1]).abs().max().item()
    assert 0 < gap < 0.02


@pytest.mark.parametrize("settings", NOT_LOADED, ids=lambda settings: settings["quant_method"])
def test_a_teacher_that_transformers_cannot_load_passes_as_a_folder_and_is_refused_in_a_job(tmp_path, settings, capsys):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "config.json", quantization_config=settings)
    check_model_folder(folder)
    assert "quantized" in capsys.readouterr().err
    with refused("quantized", folder, settings["quant_method"], "teacher.backend"):
        load_model(folder, "float32")


def test_weights_in_fp8_are_dequantized_where_no_kernel_computes_with_them(tmp_path):
    folder = model_folder(tmp_path / "model")
    full, weights = load_model(folder, "float32"), load_file(folder / "model.safetensors")
    for name in [name for name in weights if "_proj" in name]:
        scale = weights[name].abs().max() / torch.finfo(torch.float8_e4m3fn).max
        weights[name] = (weights[name] / scale).to(torch.float8_e4m3fn)
        weights[f"{name}_scale_inv"] = scale.reshape(1, 1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    edit_json(folder / "config.json", quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})
    quantized = dict(load_model(folder, "float32").named_parameters())
    for name, weight in full.named_parameters():
        step = 2**-4 if "_proj" in name else 0  # e4m3 has three bits behind the first
        torch.testing.assert_close(quantized[name], weight, rtol=step, atol=weight.abs().max().item() * step / 10)


@pytest.mark.parametrize("method", ["awq", "compressed-tensors"])
def test_a_model_to_train_is_refused(tmp_path, method):
    folder = model_folder(tmp_path / "model")
    edit_json(folder / "config.json", quantization_config={"quant_method": method})
    with refused("quantized", folder, method, "models"):
        check_model_folder(folder, trains=True)


def test_memory_that_ends_while_a_quantized_model_loads_is_no_matter_of_its_format(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("40 GiB")

    _, quantized = eight_bits(tmp_path)
    monkeypatch.setattr("scope.models.load.AutoModelForCausalLM.from_pretrained", fail)
    with pytest.raises(torch.OutOfMemoryError):
        load_model(quantized, "float32")
