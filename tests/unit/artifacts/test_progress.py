"""Progress in the log of a stage: counts, speed, time left, and one line with the sum."""

import pytest

from scope.artifacts.progress import Progress, duration, rate


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_last_line_has_the_sum(clock, capsys):
    with Progress("response", 160, clock=clock) as progress:
        for row in range(160):
            progress.add(257 if row else 340)
        clock.now = 252.0
    assert capsys.readouterr().err == "160 responses, 41,203 tokens in 4 min 12 s (164 tokens/s)\n"


def test_lines_come_seldom_and_have_the_time_left(clock, capsys):
    with Progress("response", 160, clock=clock) as progress:
        assert not progress.due()
        clock.now = 10.0
        assert progress.due()
        progress.show(25, 100, unfinished=1640, bound="at most")
        assert not progress.due()
        clock.now = 14.9
        assert not progress.due()
        clock.now = 15.0
        assert progress.due()
    line = "progress: 0 of 160 responses, 1,640 tokens (164 tokens/s), at most 40 s left\n"
    assert capsys.readouterr().err == line, "and no sum where nothing was done"


def test_lines_are_a_minute_apart_at_most(clock):
    progress = Progress("step", 10, clock=clock)
    clock.now = 40_000.0
    progress.show(1, 9)
    clock.now += 59
    assert not progress.due()
    clock.now += 1
    assert progress.due()


def test_no_time_is_foretold_before_anything_is_done(clock, capsys):
    progress = Progress("step", 1, clock=clock)
    clock.now = 6.0
    progress.show(0, 9)
    assert capsys.readouterr().err == "progress: 0 of 1 step, 0 tokens (0 tokens/s)\n"


def test_estimates_leave_out_the_warm_up(clock, capsys):
    progress = Progress("step", 10, clock=clock)
    clock.now = 30.0
    progress.end_warm_up(1)
    progress.show(1, 9)
    clock.now = 32.0
    progress.show(2, 8)
    first, second = capsys.readouterr().err.splitlines()
    assert "left" not in first
    assert second.endswith("about 16 s left")


def test_a_failure_has_no_sum_and_other_ranks_are_silent(clock, capsys):
    with pytest.raises(ValueError, match="bad"), Progress("step", 2, clock=clock) as progress:
        progress.add(5)
        raise ValueError("bad")
    with Progress("step", 2, silent=True, clock=clock) as progress:
        progress.add(5)
        clock.now = 100.0
        assert not progress.due()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.26, "0.3 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (252, "4 min 12 s"),
     (3599.7, "1 h 0 min"), (14_160, "3 h 56 min"), (360_000, "100 h 0 min")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("tokens", "seconds", "text"), [(7, 2, "3.5 tokens/s"), (41_203, 252, "164 tokens/s"), (5e5, 10, "50,000 tokens/s")]
)
def test_rates(tokens, seconds, text):
    assert rate(tokens, seconds) == text
