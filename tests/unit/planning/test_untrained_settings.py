"""What settings show of rounds that would train nothing."""

import pytest

from plan_table import plan_of
from scope.planning.notices import odd_settings

LINEAR = {"schedule": "linear", "warmup_steps": 0, "steps_per_round": 2}


@pytest.mark.parametrize(
    ("arm", "settings", "said"),
    [
        ("grpo", {"rollout": {"n": 1}}, "rollout.n is 1"),
        ("grpo", {"rollout": {"n": 2}}, None),
        ("opd", {"rollout": {"n": 1}}, None),
        (
            "scope",
            {"rounds": 6, "update": {**LINEAR, "total_steps": 4}},
            "in rounds 3 to 6; set update.total_steps to 12",
        ),
        ("scope", {"rounds": 6, "update": {**LINEAR, "total_steps": 5}}, "in rounds 3 to 6"),
        ("scope", {"rounds": 6, "update": {**LINEAR, "total_steps": 11}}, "in the last round"),
        ("scope", {"rounds": 6, "update": {**LINEAR, "total_steps": 12}}, None),
        ("scope", {"rounds": 6, "update": {**LINEAR, "total_steps": 20}}, None),
    ],
)
def test_settings_that_train_nothing_are_named_with_what_to_set(arm, settings, said):
    lines = odd_settings(plan_of(arms=[arm], **settings))
    assert (said is None and not lines) or said in lines[0], lines
