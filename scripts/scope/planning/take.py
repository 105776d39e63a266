"""From a section of the configuration to the settings of a recipe."""

from pydantic import BaseModel

from scope.artifacts.recipe import Kind


def take(kind: type[Kind], section: BaseModel) -> Kind:
    """The keys of a section of the configuration that a recipe holds, by the same names."""
    return kind.model_validate(section.model_dump(), extra="ignore")
