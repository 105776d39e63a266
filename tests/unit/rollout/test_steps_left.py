"""The time left of sampling: right from the first finished response on, whichever that is."""

import pytest

from scope.rollout.steps_left import steps_left


@pytest.mark.parametrize("finished", [0, 1, 100])
def test_where_all_are_being_sampled_it_is_what_the_youngest_may_take(finished):
    """160 at once: the first one, that ended after 5 tokens, tells nothing about 159 others."""
    made = [5] * (159 - finished) + [3]
    assert steps_left(made, finished, 5 * finished, 260) == (257, "at most")


def test_nothing_is_left_at_the_end():
    assert steps_left([], 160, 41_203, 512) == (0, "at most")


def test_waiting_ones_take_their_places_and_may_be_as_long_before_any_has_ended():
    assert steps_left([10] * 4 + [0] * 8, 0, 0, 100) == (90 + 2 * 100, "at most")


def test_waiting_ones_are_as_long_as_tokens_per_finished_one():
    assert steps_left([10] * 4 + [0] * 8, 40, 1960, 100) == (90 + 2 * 50, "about")
    assert steps_left([10] * 4 + [0] * 8, 1, 500, 100)[0] == 90 + 2 * 100, "at most max_tokens"


def test_the_first_prefill_counts_as_one():
    assert steps_left([0] * 8, 0, 0, 100)[0] == 8 * 100
