"""The ids at which a response ends: one list for every engine, from all files of a model that name any."""

import json
from pathlib import Path

from transformers import PreTrainedTokenizerBase

FILES = ("config.json", "generation_config.json")


def end_token_ids(folder: str | Path, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokenizer's EOS and the `eos_token_id` of config.json and generation_config.json, in ascending order."""
    found = [tokenizer.eos_token_id]
    for path in (Path(folder) / name for name in FILES):
        if path.is_file():
            given = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
            found += given if isinstance(given, list) else [given]
    return sorted({token for token in found if isinstance(token, int)})
