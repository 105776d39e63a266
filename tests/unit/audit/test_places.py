"""Which inputs lie where they were made for an artifact."""

import pytest

from scope.artifacts.layout import Layout
from scope.audit.places import foreign_input

X = Layout("x")
MADE = X.round("after", 0, 1).policy


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (X.round("kd", 0, 2).policy, None),
        (X.round("kd", 0, 1).policy, "arm"),
        (X.round("opd", 0, 2).policy, "arm"),
        (X.round("kd", 1, 2).policy, "arm"),
        (X.round("kd", 0, 2).state, "arm"),
        (X.shared.model("student"), None),
        (X.round("after", 0, 1).batch, None),
    ],
)
def test_of_another_arm_only_the_policy_that_an_arm_starts_from_is_used(given, key):
    problems = [problem.partition(";")[0] for problem in foreign_input(MADE, given, "kd/2")]
    assert not problems if key is None else f"mixed-up: made from {given}, of another {key}" in problems


def test_without_a_start_no_policy_of_another_arm_is_used():
    assert foreign_input(MADE, X.round("kd", 0, 2).policy)
