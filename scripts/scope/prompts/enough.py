"""Whether there are as many prompts as one round takes; no prompt occurs twice in a round."""

from scope.errors import InputError


def check_enough(available: int, needed: int, where: str, source: str) -> None:
    """Raise InputError where a round needs more prompts than are available; `source` is a clause on what there is."""
    if available < needed:
        raise InputError(
            f"{where}: {source}, but a round takes {needed} prompts "
            "(update.steps_per_round x update.prompts_per_step); "
            f"lower them until their product is at most {available}, or give more problems",
            "too-few-prompts",
        )
