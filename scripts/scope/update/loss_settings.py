"""How the token losses of an update are computed."""

from dataclasses import dataclass

from scope.errors import InputError


@dataclass(frozen=True)
class LossSettings:
    """The batch's metadata carries all but the temperatures."""

    kl: str
    opd_clip: float | None
    pg_clip: float | None
    kl_coefficient: float | None
    student_temperature: float
    teacher_temperature: float | None

    def of_grpo(self) -> tuple[float, float]:
        """(clip, coefficient of the KL) of GRPO's loss. Raises InputError where the batch does not say them."""
        if self.pg_clip is None or self.kl_coefficient is None:
            raise InputError(
                "the batch has rows of the loss `pg`, but neither its clip nor its KL; make it again", "missing-setting"
            )
        return self.pg_clip, self.kl_coefficient
