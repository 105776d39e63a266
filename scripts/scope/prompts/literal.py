"""Special tokens that occur in a problem's text stay text: `<eos>` in a problem does not end the prompt."""

import json
import re
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError


class LiteralText:
    """Encodes text whose special tokens are text, with those special that were marked.

    The work is done by a copy of the tokenizer in which special tokens have other names, which no text contains. So
    everything else, also where marked tokens meet text, is encoded as the tokenizer itself does.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self.names = {token: f"\ue000{number}\ue001" for number, token in enumerate(special)}
        longest_first = sorted(map(re.escape, special), key=len, reverse=True)
        self.pattern = re.compile("|".join(longest_first) or "(?!)")

    def count(self, text: str) -> int:
        """How many special tokens the text contains."""
        return len(self.pattern.findall(text))

    def mark(self, text: str) -> str:
        """The text with its special tokens under the names that `encode` knows."""
        return self.pattern.sub(lambda match: self.names[match[0]], text)

    def encode(self, text: str) -> list[int]:
        """Token ids: marked special tokens are special, all else is text."""
        return self._renamed.encode(text, add_special_tokens=False).ids

    @cached_property
    def _renamed(self) -> Tokenizer:
        inner: Tokenizer | None = getattr(self.tokenizer, "backend_tokenizer", None)
        if inner is None:
            raise InputError("a text contains special tokens, which only tokenizers with a tokenizer.json can read as "
                             "text; remove its row", "special-token")  # fmt: skip
        copy = Tokenizer.from_str(json.dumps(_rename(json.loads(inner.to_str()), self.names)))
        copy.no_truncation()
        copy.no_padding()
        moved = [token for token, name in self.names.items() if copy.token_to_id(name) != inner.token_to_id(token)]
        if moved:
            raise InputError(f"a text contains special tokens, and this tokenizer's {moved[0]} does not differ from "
                             "text; remove the text's row", "special-token")  # fmt: skip
        return copy


def _rename(content: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A tokenizer.json with other names of special tokens, which no merge of characters leads to."""
    model = content["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        vocabulary = {names.get(token, token): id_ for token, id_ in vocabulary.items()}
    else:
        vocabulary = [[names.get(token, token), score] for token, score in vocabulary]
    model["vocab"] = vocabulary
    if "unk_token" in model:
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if not names.keys() & {*merge, "".join(merge)}]
    for token in content["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"]) if token["special"] else token["content"]
    return {**content, "post_processor": None}
