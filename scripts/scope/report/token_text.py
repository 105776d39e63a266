"""Tokens as text: what each one stands for, with spaces, line ends and lone bytes made visible.

Reads the `tokenizer.json` of a model folder with the library tokenizers alone: a report needs no model.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}
Speller = Callable[[Sequence[int]], list[str]]


def speller(folder: Path) -> Speller:
    """The function from token ids to the bytes that each adds to the text, as text; ids in brackets, `<17>`, where the
    folder has no tokenizer.json or an id has no token."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return lambda ids: [f"<{token}>" for token in ids]
    content = file.read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(content)
    added = {token: one.content for token, one in tokenizer.get_added_tokens_decoder().items()}
    piece_bytes = _byte_level if "ByteLevel" in content else _plain

    def spell(ids: Sequence[int]) -> list[str]:
        pieces = ((token, tokenizer.id_to_token(token)) for token in ids)
        return [
            f"<{token}>" if piece is None else added[token] if token in added else _shown(piece_bytes(piece))
            for token, piece in pieces
        ]

    return spell


def visible(text: str) -> str:
    """Text with its spaces and line ends as signs."""
    return "".join(VISIBLE.get(character, character) for character in text)


def _shown(raw: bytes) -> str:
    """Bytes as text; those that are no whole character in hexadecimal, `\\xe2`."""
    return visible(raw.decode("utf-8", errors="backslashreplace"))


def _byte_level(piece: str) -> bytes:
    """The bytes that a piece of a byte-level vocabulary stands for, one a character."""
    table = _byte_of_character()
    return b"".join(bytes([table[c]]) if c in table else c.encode() for c in piece)


def _plain(piece: str) -> bytes:
    """The bytes of a piece of another vocabulary: SentencePiece writes a space as a low line, lone bytes as <0xE2>."""
    byte = re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace("\u2581", " ").encode()


@cache
def _byte_of_character() -> dict[str, int]:
    """The byte behind each character of a byte-level vocabulary: printable Latin-1 stands for itself, the other bytes
    follow from U+0100 on (GPT-2's table)."""
    itself = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in itself]
    return {chr(byte): byte for byte in itself} | {chr(256 + index): byte for index, byte in enumerate(others)}
