"""The recipe of the stage `check_teacher`."""

from typing import Annotated, Literal

from pydantic import Field

from scope.artifacts.recipe import Settings
from scope.models.dtype import ModelArithmetic
from scope.score.settings import InProcess, Servers


class ComparedServers(Servers):
    """Servers, and the pass in the job that they are compared with."""

    pack_tokens: int | None
    exact_kl: bool
    """Whether the update loads the teacher too, so that a job has to be able to."""


class CheckedRollout(Settings):
    """The engine that a teacher in the job is compared with."""

    engine: Literal["vllm", "transformers"]


class CheckTeacherRecipe(Settings):
    """What decides the checks of the teacher."""

    teacher: Annotated[InProcess | ComparedServers, Field(discriminator="backend")]
    models: ModelArithmetic
    rollout: CheckedRollout
