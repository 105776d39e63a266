"""The size of weights, from headers of safetensors files."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from scope.artifacts.weight_headers import Weights, weights_in


def test_parameters_are_counted_in_any_number_format(tmp_path):
    for dtype in (np.float32, np.float16):
        save_file({"a": np.zeros((3, 5), dtype), "b": np.zeros((), dtype)}, tmp_path / "model.safetensors")
        assert weights_in(str(tmp_path)) == Weights((tmp_path / "model.safetensors").stat().st_size, 16)


def test_shards_are_those_of_the_index(tmp_path):
    for number in range(2):
        save_file({f"t{number}": np.zeros(4, np.float32)}, tmp_path / f"model-{number}.safetensors")
    save_file({"t0": np.zeros(4, np.float32), "t1": np.zeros(4, np.float32)}, tmp_path / "consolidated.safetensors")
    index = {"weight_map": {f"t{number}": f"model-{number}.safetensors" for number in range(2)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = weights_in(str(tmp_path))
    assert found is not None
    assert found.parameters == 8


def test_a_model_to_make_has_none():
    assert weights_in("") is None


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1", b"\x02\0\0\0\0\0\0\0[]"])
def test_damaged_files_are_left_to_the_stage_that_refuses_them(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    assert weights_in(str(tmp_path)) == Weights(len(content), 0)
