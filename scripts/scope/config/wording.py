"""Plain words for what pydantic finds wrong with a value: what was written, and what to write instead."""

import json
from collections.abc import Mapping
from typing import Any

KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}
"""What to write, by pydantic's name of the error and with its numbers."""

_FIRST = "with a letter or digit first"
PATTERNS = {
    "^[A-Za-z0-9][A-Za-z0-9_-]*$": f"letters, digits, `_` and `-`, {_FIRST}",
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": f"letters, digits, `.`, `_` and `-`, {_FIRST}",
    "^[A-Za-z0-9][A-Za-z0-9._=+-]*$": f"letters, digits, `.`, `_`, `=`, `+` and `-`, {_FIRST}",
    "^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and `_`, with a letter first",
    r"^[\w.-]+/[\w.-]+$": "OWNER/NAME",
    "^[0-9a-f]{40}$": "the 40 hexadecimal digits of a commit",
    r"\.(parquet|jsonl)$": "a name that ends in .parquet or .jsonl",
    "^https?://[^/]+": "a URL such as http://node7:8000",
}
"""What to write where text has to match a pattern."""

LONGEST = 60  # characters of a value that a message repeats


def shown(value: Any) -> str:
    """A value as a file has it, a long one cut."""
    if value is None:
        return "empty (null)"
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def wanted(item: Mapping[str, Any]) -> str:
    """What to write in place of a value, given pydantic's record of the error."""
    kind, value = item["type"], item["input"]
    if kind == "string_pattern_mismatch":
        return PATTERNS[item["ctx"]["pattern"]]
    words = KINDS[kind].format(**item.get("ctx", {}))
    if kind in ("int_type", "float_type") and _is_number(value):
        return f"{words}, without quotes"
    if kind == "string_type" and isinstance(value, int | float):
        return f'{words}, in quotes: "{shown(value)}"'
    return words


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(float(value) + 1)
    except ValueError:
        return False
