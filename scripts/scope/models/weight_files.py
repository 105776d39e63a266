"""The safetensors files of a model folder: which ones are loaded, and whether each is whole."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from scope.errors import InputError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
CONVERT = (
    'convert them: python -c "from transformers import AutoModelForCausalLM as M; '
    "M.from_pretrained('OLD', dtype='auto').save_pretrained('NEW')\", and copy the tokenizer's files"
)
POINTER = b"version https://git-lfs"


def check_is_whole(path: Path) -> None:
    """Raise InputError where a file is absent, ends nowhere as a symbolic link, or is a Git LFS pointer."""
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path}: a symbolic link to {path.readlink()}, which does not exist; download the model "
                         "again", "missing-file")  # fmt: skip
    if not path.is_file():
        raise InputError(f"{path}: no such file; download the model again", "missing-file")
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise InputError(f"{path}: a Git LFS pointer, not the file itself; run `git lfs pull` in the model's "
                             "repository, or download the model again", "lfs-pointer")  # fmt: skip


def weight_files(folder: Path) -> list[Path]:
    """The files whose tensors are loaded. Raises InputError where there are none, or one of several is absent."""
    single, index = folder / SINGLE, folder / INDEX
    if not index.exists():
        _check_single(folder)
        return [single]
    shards = _shards(index)
    if single.exists() and shards != [SINGLE]:
        raise InputError(f"{folder}: has both {SINGLE} and {INDEX}, and engines differ in which of them they load; "
                         "remove one", "two-sets-of-weights")  # fmt: skip
    paths = [folder / shard for shard in shards]
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise InputError(f"{path}: no such file, but {INDEX} names it; download the missing file", "missing-file")
        check_is_whole(path)
    return paths


def _shards(index: Path) -> list[str]:
    check_is_whole(index)
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{index}: not an index of safetensors files; download it again", "damaged-file") from None


def _check_single(folder: Path) -> None:
    single = folder / SINGLE
    if single.exists() or single.is_symlink():
        check_is_whole(single)
        return
    others = sorted(
        path.name for suffix in ("safetensors", "bin", "gguf", "pt", "pth") for path in folder.glob(f"*.{suffix}")
    )
    how = "download the model's safetensors files"
    if any(name.endswith(".safetensors") for name in others):
        how = f"name a single file {SINGLE}; several need {INDEX}; the weights of an adapter have to be merged first"
    elif any(name.endswith(".bin") for name in others):
        how = CONVERT
    found = f"has {', '.join(others[:5])}, but no" if others else "has no"
    raise InputError(
        f"{folder}: {found} {SINGLE} or {INDEX}; only safetensors weights are loaded: {how}", "missing-file"
    )


def placeholders(files: Sequence[Path]) -> dict[str, torch.Tensor]:
    """A tensor of each name and shape in the files, without memory of its own: all its elements are one zero.

    Raises InputError where a file is damaged.
    """
    tensors = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  # not a dictionary
                    shape = file.get_slice(name).get_shape()
                    tensors[name] = torch.zeros((), dtype=torch.bfloat16).expand(shape)
        except SafetensorError as error:
            raise InputError(
                f"{path}: damaged or truncated safetensors ({error}); download it again", "damaged-file"
            ) from None
    return tensors


def read_tensor(files: Sequence[Path], name: str) -> torch.Tensor:
    """One tensor of the files."""
    for path in files:
        with safe_open(path, framework="pt") as file:
            if name in file.keys():  # noqa: SIM118
                return file.get_tensor(name)
    raise KeyError(name)
