"""The ids at which a response ends: one list for every engine, from all files of a model that name any."""

import json
from pathlib import Path
from typing import cast

from transformers import PreTrainedTokenizerBase

from scope.models.token_ids import token_ids

FILES = ("config.json", "generation_config.json")


def end_token_ids(folder: str | Path, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokenizer's EOS and the `eos_token_id` of config.json and generation_config.json, in ascending order.

    Ids that no token has, such as the -1 that some models give for none, are left out: they are never sampled.
    """
    found, tokens = [tokenizer.eos_token_id], token_ids(tokenizer)
    for path in (Path(folder) / name for name in FILES):
        if path.is_file():
            given = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
            found += given if isinstance(given, list) else [given]
    return sorted({token for token in found if isinstance(token, int) and token in tokens})


def end_token_id(folder: str | Path | None, tokenizer: PreTrainedTokenizerBase) -> int:
    """The id at which a model learns to end: the tokenizer's EOS, else the lowest one that its folder names."""
    if tokenizer.eos_token_id is not None or folder is None:
        return cast(int, tokenizer.eos_token_id)
    return end_token_ids(folder, tokenizer)[0]
