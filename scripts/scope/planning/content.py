"""What the user's own files hold: models and rows of problems count by their content, not by where they lie."""

from pathlib import Path

from scope.artifacts.known_digests import kept_digest
from scope.config.data import ProblemFile
from scope.config.experiment import Config, expand_path
from scope.errors import InputError
from scope.models.files import content_of, model_files
from scope.prompts.hub import row_files


def model_folder(config: Config, name: str) -> str:
    """The folder of a model that exists; empty for one to make. Raises InputError where there is no such folder."""
    path = getattr(config.models, name).path
    try:
        folder = expand_path(path) if path else ""
    except InputError as error:
        raise InputError(f"models.{name}.path: {error}", error.code) from None
    if folder and not Path(folder).is_dir():
        raise InputError(
            f"models.{name}.path: {folder} is not a folder; give a model in Hugging Face format", "no-such-folder"
        )
    return folder


def model_content(folder: str) -> str | None:
    """The digest of what a model's folder holds; None for a model to make."""
    return content_of({name: kept_digest(path) for name, path in model_files(folder).items()}) if folder else None


def rows_content(rows: ProblemFile) -> list[str]:
    """The digest of each file of problems that a section names, in their order; only of those that exist."""
    return [kept_digest(path) for path in row_files(rows) if Path(path).is_file()]
