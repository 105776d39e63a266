"""The changes between two versions of one artifact, one line each."""

import json
from typing import Any

from scope.artifacts.recipe import flat_settings


def changed_settings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One line per setting that changed, is new or was removed."""
    old, new = dict(flat_settings(before)), dict(flat_settings(now))
    return [
        _changed_setting(key, old, new)
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or old[key] != new[key]
    ]


def changed_modules(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """One line per module that changed, is new or was removed."""
    words = {True: "is new", False: "changed"}
    lines = [f"code: {name} {words[name not in before]}" for name in sorted(now) if before.get(name) != now[name]]
    return lines + [f"code: {name} is no longer imported" for name in sorted(before.keys() - now.keys())]


def changed_digests(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """One line per input file that changed, is new or was removed, by its digests."""
    words = {(True, True): "its content changed", (False, True): "is new", (True, False): "is no longer one"}
    return [
        f"input {path}: {words[path in before, path in now]}"
        for path in sorted(before.keys() | now.keys())
        if before.get(path) != now.get(path)
    ]


def _changed_setting(key: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """What changed in one setting; of the user's own files their digests would say nothing."""
    section = key.removesuffix(".content")
    if section != key and not section.endswith(".where") and old.get(key) and new.get(key):
        return f"the content of {section} changed"
    return f"setting {key}: {_shown(old, key)} -> {_shown(new, key)}"


def _shown(settings: dict[str, Any], key: str) -> str:
    return json.dumps(settings[key]) if key in settings else "(not a setting)"
