"""The section `start`: the policy that an arm's first round starts from."""

from collections.abc import Mapping

from scope.config.types import Arm, Count, Section


class Start(Section):
    """The policy of another arm after one of its rounds, with the same seed. The optimizer starts afresh."""

    arm: Arm
    """One of `arms`."""
    round: Count


Starts = Mapping[str, Start | None]
"""By arm; None: from the student."""


def first_problem(starts: Starts, rounds: int) -> tuple[str, str] | None:
    """The first arm whose start names no policy that is made, and what is wrong with it."""
    for arm, start in starts.items():
        if start and start.arm not in starts:
            return arm, f"start.arm is {start.arm}, which does not run; add it to `arms`"
        if start and start.round > rounds:
            return arm, f"start.round is {start.round}, but `rounds` is {rounds}; write {rounds} or less"
        chain = [arm]
        while start and start.arm not in chain:
            chain.append(start.arm)
            start = starts.get(start.arm)
        if start:
            path = ", ".join([*chain, start.arm])
            return arm, f"these arms start from each other: {path}; write `start: null` under variants of one"
    return None


def start_rounds(starts: Starts, arm: str) -> set[int]:
    """The rounds of an arm whose policies other arms start from."""
    return {start.round for start in starts.values() if start and start.arm == arm}
