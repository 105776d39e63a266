"""The models of an experiment: their size, where they come from, and their supervised steps."""

from collections.abc import Mapping
from typing import Any

from scope.report.recipe import ReportModel, ReportModels


def models(section: ReportModels, parameters: Mapping[str, int | None]) -> list[dict[str, str | None]]:
    """A row per role: role, parameters (None if unknown), path (None for a made model), made (how, None for a folder),
    sft (None without).
    """
    roles = {"student": section.student, "teacher": section.teacher}
    return [
        {
            "role": role,
            "parameters": _readable(parameters[role]),
            "path": model.path,
            "made": _made(model),
            "sft": _sft(model),
        }
        for role, model in roles.items()
    ]


def _readable(number: int | None) -> str | None:
    """`134.5 M`, `1.54 B`."""
    if number is None:
        return None
    return f"{number / 1e9:.2f} B" if number >= 1e9 else f"{number / 1e6:.1f} M" if number >= 1e5 else f"{number:,}"


def _made(model: ReportModel) -> str | None:
    return f"random weights: {_listed(model.random_init)}" if model.random_init else None


def _sft(model: ReportModel) -> str | None:
    if model.sft is None:
        return None
    rows = model.sft["rows"]
    unused = ("rows", "canonical") if rows else ("rows",)
    steps = {name: value for name, value in model.sft.items() if name not in unused}
    return f"{f'rows {rows}' if rows else 'generated problems'}, {_listed(steps)}"


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
