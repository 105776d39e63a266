"""Reading YAML files and the assignments of `--config`, before anything is validated."""

import copy
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from scope.artifacts.provenance import local
from scope.config.layers import Layered, layers_of
from scope.errors import InputError

_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 whose dates stay text: no key is a date, and names and columns may look like one."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


COMMAND_LINE = "--config"
"""What an error names in place of a file where the command line gave a value."""


def read_config(*paths: str | Path) -> Layered:
    """Read YAML files, later ones merged into earlier ones, without validating them.

    Raises InputError that names the file and, for a key that is written twice, both lines.
    """
    raw = Layered({})
    for path in paths:
        raw = lay_over(raw, _read_file(Path(path)), local(str(path)))
    return raw


def lay_over(base: Mapping[str, Any], override: Mapping[str, Any], name: str = COMMAND_LINE) -> Layered:
    """`base` with another layer merged into it, which errors name."""
    return Layered(merge(base, override), [*layers_of(base), *([(name, override)] if override else [])])


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `override` merged into it, mapping by mapping; other values are replaced."""
    merged = dict(copy.deepcopy(base))
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else copy.deepcopy(value)
    return merged


def read_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """What `--config KEY=VALUE ...` sets, each value read as in a file; a section is merged into that of the files."""
    raw: dict[str, Any] = {}
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        raw = merge(raw, {key: _read_value(assignment, value)})
    return raw


def nearest(word: object, choices: Sequence[str]) -> str:
    """`; did you mean X?` where one of the choices is spelled nearly like a word, else nothing."""
    found = difflib.get_close_matches(str(word), choices, n=1, cutoff=0.75)
    return f"; did you mean `{found[0]}`?" if found else ""


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such configuration file", "no-such-file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name the YAML file in it", "unreadable-file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is not UTF-8; save the file as UTF-8", "unreadable-file") from None
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror})", "unreadable-file") from None
    read = {} if (value := _load(text, str(path))) is None else value
    if not isinstance(read, dict):
        raise InputError(f"{path}: not a configuration; write `key: value` on each line", "unreadable-file")
    return read


def _read_value(assignment: str, text: str) -> Any:
    try:
        return _load(text, f"--config {assignment}")
    except InputError:
        if text.lstrip()[:1] in ("{", "["):
            raise
        return text


def _load(text: str, where: str) -> Any:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        repeated = next(_repeated(node, "", set()), None) if node else None
        value = loader.construct_document(node) if node and not repeated else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: not readable as YAML: {_one_line(error)}", "unreadable-file") from None
    if repeated:
        key, first, second = repeated
        message = f"{where}: `{key}` is written twice, in lines {first} and {second}; keep one"
        raise InputError(message, "duplicate-key")
    return value


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None)}"


def _repeated(node: yaml.Node, name: str, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """Each key that a mapping has twice, with its name from the top and both lines, from 1."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _repeated(item, f"{name}.{position}".lstrip("."), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[Any, int] = {}
        for key, value in node.value:
            inner = f"{name}.{key.value}".lstrip(".")
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in lines:
                    yield inner, lines[key.value], line
                lines[key.value] = line
            yield from _repeated(value, inner, seen)
