"""The temperature of log-probabilities."""


def resolve_temperature(value: str | float, rollout_temperature: float) -> float:
    """The temperature as a number; `rollout` means that of the rollouts."""
    return rollout_temperature if value == "rollout" else float(value)
