"""Print the JSON schema of a configuration file, or with --keys a Markdown table of every key.

`make schema` writes both: workflow/schemas/config.schema.json and config/KEYS.md.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import library  # noqa: F401
from scope.config.experiment import schema


def keys_table() -> str:
    """A Markdown table of every key: its type, its default and what it is for."""
    whole = schema()
    rows = "\n".join(f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in _rows(whole, whole))
    head = "Generated from scripts/scope/config/ by `make schema`; edit there."
    return f"# Configuration keys\n\n{head}\n\n| key | values | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(node: dict[str, Any], whole: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, field in node["properties"].items():
        options = [_resolve(option, whole) for option in field.get("anyOf", [field])]
        section = next((option for option in options if "properties" in option), None)
        named = next(
            (_resolve(inner, whole) for option in options for inner in option.get("patternProperties", {}).values()), {}
        )
        text = field.get("description") or (section or {}).get("description", "")
        default = "required" if name in node.get("required", []) else ""
        if "default" in field and not isinstance(field["default"], dict):
            default = f"`{json.dumps(field['default'])}`"
        kinds = " or ".join(dict.fromkeys(map(_kind, options)))
        yield f"{prefix}{name}", kinds, default, " ".join(text.split()).replace("|", "\\|")
        if section:
            yield from _rows(section, whole, f"{prefix}{name}.")
        if "properties" in named:
            yield from _rows(named, whole, f"{prefix}{name}.NAME.")


def _resolve(node: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return whole["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _kind(option: dict[str, Any]) -> str:
    if "enum" in option or "const" in option:
        return " or ".join(f"`{value}`" for value in option.get("enum", [option.get("const")]))
    kind: str = option["type"]
    return {"object": "section", "string": "text", "array": "list"}.get(kind, kind)


def main() -> None:
    """Print one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", action="store_true", help="Markdown table instead of the schema")
    keys = parser.parse_args().keys
    print(keys_table() if keys else json.dumps(schema(), indent=1, sort_keys=True) + "\n", end="")


if __name__ == "__main__":
    main()
