"""How log-probabilities are computed: in the job's own process, or by vLLM servers."""

from typing import Annotated, Literal

from pydantic import Field

from scope.artifacts.recipe import Settings
from scope.models.dtype import Attention


class InProcess(Settings):
    """A packed forward pass in the process of the job."""

    backend: Literal["in_process"]
    pack_tokens: int | None
    attention: Attention


class Servers(Settings):
    """vLLM servers that serve `model`; where they are decides no score, and is in no recipe."""

    backend: Literal["external", "managed"]
    model: str


Scoring = Annotated[InProcess | Servers, Field(discriminator="backend")]
