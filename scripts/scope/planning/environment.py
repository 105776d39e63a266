"""What every job's shell is given before its command."""

import shlex
from pathlib import Path

from scope.artifacts.partial import SECONDS_VARIABLE
from scope.config.experiment import Config
from scope.score.connection import VARIABLE, to_text
from scope.score.from_config import connection_of
from scope.update.peak import PEAK_VARIABLE


def exports(config: Config, recipes: str, project: Path, python: str | None) -> str:
    """Shell commands before a job's command, with braces doubled, as Snakemake formats them; with `python`, its folder
    comes first in the PATH."""
    variables = {
        "RECIPES": recipes,
        "WANDB_MODE": config.tracking.wandb,
        "WANDB_PROJECT": config.tracking.project,
    }
    if config.tracking.peak_tflops is not None:
        variables[PEAK_VARIABLE] = str(config.tracking.peak_tflops)
    if config.checkpoint.interval_s is not None:
        variables[SECONDS_VARIABLE] = str(config.checkpoint.interval_s)
    connection = connection_of(config.teacher, config.experiment)
    if connection:
        variables[VARIABLE] = to_text(connection)
    lines = [f"source {shlex.quote(str(project / 'workflow/stage.sh'))}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if python:
        lines.append(f"export PATH={shlex.quote(str(Path(python).parent))}:$PATH")
    return "".join(f"{line}; " for line in lines).replace("{", "{{").replace("}", "}}")


def flag(name: str, *values: str) -> str:
    """`--name value ...`, or nothing where there is no value."""
    return f"--{name} {shlex.join(values)}" if any(values) else ""


def rows_flags(rows: list[str], found: str | None = None) -> str:
    """A job's files of rows and what was found in them; nothing where rows are generated."""
    return f"{flag('rows', *rows)} {flag('found', found or '')}" if rows else ""


def held_out_flags(files: dict[str, list[str]]) -> str:
    """The files of every benchmark that training problems are compared with."""
    return " ".join(flag("held-out", name, *paths) for name, paths in files.items())
