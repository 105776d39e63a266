"""What the arguments of Snakemake say, for programs that start it."""

from itertools import dropwhile, takewhile
from pathlib import Path

from scope.errors import InputError


def configfiles_in(arguments: list[str]) -> list[str]:
    """The configuration files; the demo's where there are none."""
    if "--configfile" not in arguments:
        return ["config/config.yaml"]
    return list(takewhile(_is_value, arguments[arguments.index("--configfile") + 1 :]))


def without_targets(arguments: list[str]) -> list[str]:
    """The arguments from the first option on; targets stand before it."""
    return list(dropwhile(_is_value, arguments))


def _is_value(word: str) -> bool:
    return not word.startswith("-")


def check_profile(arguments: list[str]) -> None:
    """Raise InputError for a --workflow-profile that is not there: Snakemake would run without it, and not say so."""
    option, words = "--workflow-profile", [part for word in arguments for part in word.split("=", 1)]
    name = words[words.index(option) + 1] if option in words[:-1] else "none"
    places = [Path(name), Path("profiles") / name]
    if name != "none" and not any(place.is_file() or list(place.glob("config*.yaml")) for place in places):
        raise InputError(f"{option} {name}: no such profile; write the path of a folder that holds a config.yaml")
