"""The arguments of Snakemake, as Snakemake's own parser reads them."""

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from scope.config.experiment import VARIANTS, Config, open_config
from scope.config.read import lay_over, read_assignments, read_config
from scope.errors import InputError

DEFAULT_CONFIGURATION = "config/config.yaml"


def parse(words: Sequence[str]) -> argparse.Namespace:
    """All arguments, those of the profiles that they name included."""
    from snakemake.cli import parse_args

    return parse_args(list(words))[1]


def executor(words: Sequence[str]) -> str | None:
    """The executor, also of profiles; without the line on the profile in use, which Snakemake writes once more."""
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            return parse(words).executor
    except SystemExit:
        print(messages.getvalue(), end="", file=sys.stderr)
        raise


def configfiles_of(args: argparse.Namespace) -> list[str]:
    """The configuration files; the demo's where none is given."""
    return list(map(str, args.configfile)) or [DEFAULT_CONFIGURATION]


def configuration_of(args: argparse.Namespace) -> Config:
    """The checked configuration of a run: its files, with what `--config` sets laid over them."""
    return open_config(*configfiles_of(args), overrides=overrides_in(args.config))


def overrides_in(assignments: Sequence[str] | None) -> dict:
    """What `--config KEY=VALUE ...` sets. Raises InputError where Snakemake would refuse it."""
    from snakemake.cli import parse_config

    try:
        parse_config(assignments)
    except ValueError as error:
        raise InputError(f"--config {' '.join(assignments or [])}: {error}", "invalid-argument") from None
    return read_assignments(assignments or [])


def raw_configuration(configfiles: Sequence[str | Path], assignments: Sequence[str] | None) -> dict:
    """What the workflow runs with, not validated: Snakemake's own reader lets the last of two equal keys win, and turns
    the values inside lists and mappings of `--config` into text.
    """
    return lay_over(read_config(VARIANTS, *(configfiles or [DEFAULT_CONFIGURATION])), overrides_in(assignments))


class _Word(str):
    """A word of a command line, distinct from an equal one: argparse returns targets as the objects that it got."""


def without_targets(words: Sequence[str]) -> list[str]:
    """The options alone."""
    marked = [_Word(word) for word in words]
    targets = {id(word) for word in command_line(marked).targets}
    return [str(word) for word in marked if id(word) not in targets and word != "--"]


def asks_for_all(words: Sequence[str]) -> bool:
    """Whether a command line of Snakemake asks for the whole experiment: for no target, or for `all`."""
    return set(command_line(words).targets) <= {"all"}


def check_profile(words: Sequence[str]) -> None:
    """Raise InputError for a --workflow-profile that does not exist: Snakemake would run without it, silently."""
    name = command_line(words).workflow_profile
    places = [Path(name or "none"), Path("profiles") / (name or "none")]
    if name not in (None, "none") and not any(p.is_file() or list(p.glob("config*.yaml")) for p in places):
        raise InputError(
            f"--workflow-profile {name}: profile not found; write the path of a folder with a config.yaml",
            "no-such-folder",
        )


def check_configfiles(words: Sequence[str], folder: Path) -> None:
    """Raise InputError for a configuration file that cannot be read in `folder`, where the workflow runs: Snakemake
    would stop with a traceback.
    """
    for path in command_line(words).configfile or []:
        if not (folder / path).exists():
            here = f"; write {path.absolute()}" if path.exists() else ""
            raise InputError(
                f"{path}: no such configuration file in {folder}, where the workflow runs{here}", "no-such-file"
            )
        read_config(folder / path)


def check_folder(folder: str | Path) -> None:
    """Raise InputError for a project folder with braces in its path, which Snakemake would read as wildcards."""
    if {"{", "}"} & set(str(folder)):
        raise InputError(
            f"{folder}: Snakemake reads braces in the path of the project as wildcards; rename or move the folder",
            "invalid-name",
        )


def command_line(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command line alone, without those of profiles."""
    from snakemake.cli import get_argument_parser

    return get_argument_parser().parse_args(list(words))
