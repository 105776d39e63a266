"""The order of the data: which prompts a round trains on, and at which optimizer step."""

import random

from scope.errors import InputError
from scope.seeds import derive_seed


def round_prompts(prompt_ids: list[str], seed: int, round_: int, per_round: int) -> list[str]:
    """The prompts of a round (from 1) in training order, a function of its arguments alone.

    Every epoch is a fresh permutation cut into whole rounds, so that no prompt occurs twice in a round; what
    does not fill a round waits for the next epoch.
    """
    rounds_per_epoch = len(prompt_ids) // per_round
    if rounds_per_epoch == 0:
        raise InputError(
            f"a round takes {per_round} prompts (update.steps_per_round x prompts_per_step), but there are only "
            f"{len(prompt_ids)}; lower one of them or give more prompts",
            "too-few-prompts",
        )
    epoch, place = divmod(round_ - 1, rounds_per_epoch)
    shuffled = sorted(prompt_ids)
    random.Random(derive_seed("order", seed, epoch)).shuffle(shuffled)
    return shuffled[place * per_round : (place + 1) * per_round]
