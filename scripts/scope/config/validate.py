"""From what was read to typed sections: a line for each wrong key, with its file and what to write."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from scope.config.layers import Layer, origin
from scope.config.read import nearest
from scope.config.types import Section
from scope.config.wording import shown, wanted
from scope.errors import InputError

Kind = TypeVar("Kind", bound=Section)
Place = tuple[Any, ...]
"""The keys that lead to a value, and its positions in lists."""


def validate(kind: type[Kind], raw: Mapping[str, Any], layers: Sequence[Layer], arm: str | None = None) -> Kind:
    """A configuration that was read in layers, here with the overrides of an arm merged into it.

    Raises InputError with a line for each invalid key: its file, the key, and what is allowed.
    """
    try:
        return kind.model_validate(json.loads(json.dumps(raw)))
    except TypeError as error:
        message = f"{_where(layers, (), arm, {})}write text, numbers, true, false, null, lists and mappings ({error})"
        raise InputError(message, "invalid-configuration") from None
    except ValidationError as error:
        found: dict[tuple[Place, str], list[Any]] = {}
        for item in error.errors():
            found.setdefault((_place(item, raw), _sentence(item)), []).append(item)
        lines = [_where(layers, place, arm, items[0]["input"]) + _explain(kind, place, items)
                 for (place, _), items in found.items()]  # fmt: skip
        raise InputError("\n".join(lines), "invalid-configuration") from None


def _place(item: Any, raw: Any) -> Place:
    """Where an error is, without the parts by which pydantic names the members of a union."""
    if item["type"] in ("missing", "extra_forbidden"):
        return item["loc"]
    for depth, part in enumerate(item["loc"]):
        inside = part in raw if isinstance(raw, Mapping) else isinstance(raw, list) and part in range(len(raw))
        if not inside:
            return item["loc"][:depth]
        raw = raw[part]
    return item["loc"]


def _sentence(item: Any) -> str:
    """Errors at one place with the same of these share a sentence, as those of a union's members."""
    own = item["type"] in ("missing", "extra_forbidden", "value_error")
    return item["type"] if own else "name" if item["loc"][-1] == "[key]" else "value"


def _where(layers: Sequence[Layer], place: Place, arm: str | None, value: Any) -> str:
    """The file that gave a value, or all that gave parts of a section, and the variant that overrides it."""
    whole = isinstance(value, Mapping)
    if not place:
        layers = [(name, values) for name, values in layers if values.keys() - {"variants"}]
    override = arm and origin(layers, ("variants", arm, *place), whole=whole)
    if arm and override:
        return f"{override}: variants.{arm}: "
    named = origin(layers, place, whole=whole) or "config"
    return f"{named}: variants.{arm}: " if arm else f"{named}: "


def _explain(kind: type[Section], place: Place, items: Sequence[Any]) -> str:
    """What is wrong at a place, and what to write; of a union, what each of its members would take."""
    item, key = items[0], ".".join(map(str, place))
    if item["type"] == "extra_forbidden":
        return f"unknown key `{key}`{_allowed(kind, place)}"
    if item["type"] == "missing" and len(place) == 1:
        return (
            f"`{key}` is missing; a file is complete in itself: add it, or lay a part over another file, as "
            "in `--configfile config/config.yaml mine.yaml`"
        )
    if item["type"] == "missing":
        return f"`{key}` is missing; add it"
    if item["type"] == "value_error":
        return f"{f'`{key}`: ' if key else ''}{item['msg'].removeprefix('Value error, ')}"
    kinds = " or ".join(dict.fromkeys(map(wanted, items)))
    return f"{_named(key, item)} is {shown(item['input'])}; write {kinds}"


def _named(key: str, item: Any) -> str:
    """A value by its key, and a key by the section in which it is a name."""
    return f"a name in `{key.rpartition('.')[0]}`" if item["loc"][-1] == "[key]" else f"`{key}`"


def _allowed(kind: type[Section], place: Place) -> str:
    """The keys that are allowed in place of an unknown one, and which of them may have been meant."""
    section, named = kind, False
    for part in place[:-1]:
        if named:
            named = False
            continue
        annotation = section.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, Section))
        named = getattr(annotation, "__origin__", None) is dict
    keys = list(section.model_fields)
    return f"{nearest(place[-1], keys)}; allowed here: {', '.join(keys)}"
