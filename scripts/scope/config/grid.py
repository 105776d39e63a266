"""Section on grids: arms made from the values of axes."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from scope.config.types import Name, Section, read_number

Value = Annotated[bool | int | float | str | None, BeforeValidator(read_number)]
AxisName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Axis(Section):
    """One key and the values that it takes."""

    key: str
    """Dotted key of rollout, logprob_temperature, teacher, objective or update, such as objective.tau."""
    values: list[Value] | dict[str, Annotated[Any, BeforeValidator(read_number)]] = Field(min_length=1)
    """The values, or a mapping from labels to values; with a label a value may be a whole section."""

    @field_validator("values", mode="before")
    @classmethod
    def _sections_are_labelled(cls, values: Any) -> Any:
        if isinstance(values, list) and any(isinstance(value, dict | list) for value in values):
            raise ValueError("a section needs a label for the arm's name: write a mapping from labels to sections")
        return values


class Grid(Section):
    """Arms for every combination of values, named by their differences from the variant."""

    variants: list[Name] = Field(default=["scope"], min_length=1)
    """Variants to which each combination is applied."""
    axes: dict[AxisName, Axis] = Field(min_length=1)
    """Axes by name; the name is part of the arm's name."""
