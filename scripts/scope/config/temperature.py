"""The one temperature convention: at which temperature log-probabilities are taken."""


def resolve_temperature(value: str | float, rollout_temperature: float) -> float:
    """`rollout` stands for the temperature of the rollouts; a number stands for itself."""
    return rollout_temperature if value == "rollout" else float(value)
