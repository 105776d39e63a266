"""From a section of the configuration to the settings of a recipe."""

from typing import Any

from pydantic import BaseModel

from scope.artifacts.recipe import Kind


def take(kind: type[Kind], section: BaseModel, **more: Any) -> Kind:
    """The keys of a section of the configuration that a recipe holds, by the same names, and `more` beside them."""
    return kind.model_validate({**section.model_dump(), **more}, extra="ignore")
