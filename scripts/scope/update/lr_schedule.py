"""The learning rate as a pure function of the global step, so that a resumed or extended run needs no state."""


def learning_rate(step: int, peak: float, schedule: str, warmup_steps: int, total_steps: int | None) -> float:
    """The rate of optimizer step `step`, counted from 1 over the whole run.

    Warm-up rises linearly to `peak` at step `warmup_steps`; then `constant` stays there, and `linear` falls to 0
    just after step `total_steps`.
    """
    if step <= warmup_steps:
        return peak * step / warmup_steps
    if schedule == "constant":
        return peak
    if total_steps is None:
        raise ValueError("a linear schedule needs total_steps")
    return peak * max(0.0, (total_steps + 1 - step) / (total_steps + 1 - warmup_steps))
