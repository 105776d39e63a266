"""Work that arms share: rollouts that no arm's own policy sampled, their verdicts and their scores.

In round 1 every arm starts from the base policy, and under KD the teacher samples in every round. Such rollouts depend
on the sampling settings and the seed alone, so they lie in a folder named after these, and arms that agree use the
same files.
"""

from typing import Any

from scope.artifacts.digests import value_digest
from scope.config.experiment import Config
from scope.method.table import method_of
from scope.planning.derived import scorer
from scope.planning.recipes import stage_settings


def shares_rollouts(config: Config, round_: int) -> bool:
    """Whether the base policy or the teacher samples a round's rollouts, so that arms can share them."""
    return method_of(config.objective).behaviour == "teacher" or (round_ == 1 and not config.start)


def shared_rounds(config: Config) -> int:
    """How many rounds have rollouts that arms can share."""
    return sum(shares_rollouts(config, round_) for round_ in range(1, config.rounds + 1))


def rollouts_name(config: Config) -> str:
    """Folder of the rollouts of one policy that arms with the same sampling settings share."""
    settings = stage_settings(config, "rollout")
    sampling = config.rollout
    return f"{settings['behaviour']}-n{sampling.n}-T{sampling.temperature:g}-{_digest(settings)}"


def scores_name(config: Config) -> str:
    """Folder of the scores on shared rollouts: by whom, of which rollouts, and a digest of the settings."""
    who = scorer(config)
    if who is None:
        raise ValueError("a method without a scorer has no scores")
    return f"score-{who.model}-{who.scored}-{_digest(stage_settings(config, 'score'))}"


def check_name(config: Config) -> str:
    """Name of the teacher's checks, which arms with the same settings of the teacher share."""
    return f"check_teacher_{_digest(stage_settings(config, 'check_teacher'))}"


def _digest(settings: dict[str, Any]) -> str:
    return value_digest(settings)[:10]
