"""Open the scoring backend that a recipe names: a packed forward pass in the job, or vLLM servers."""

from pathlib import Path

from scope.errors import InputError
from scope.score.backend import Teacher
from scope.score.settings import InProcess, Servers


def open_teacher(settings: InProcess | Servers, manifest: str | Path, *, dtype: str, temperature: float) -> Teacher:
    """The backend that `settings` names; `manifest` is that of the scorer's folder."""
    if isinstance(settings, InProcess):
        from scope.artifacts.folder import open_folder
        from scope.score.in_process import InProcessTeacher

        folder = open_folder(manifest)
        return InProcessTeacher(
            folder,
            dtype=dtype,
            temperature=temperature,
            pack_tokens=settings.pack_tokens,
            attention=settings.attention,
        )
    if temperature != 1.0:
        raise InputError(
            f"a vLLM server scores at temperature 1.0, not {temperature}: see logprob_temperature.teacher",
            "unsupported-temperature",
        )
    from scope.score.pool import open_pool

    return open_pool(settings, manifest)
