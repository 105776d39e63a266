"""Time, memory and MFU of a step, which no other run repeats."""

import resource

import pytest
import torch
from torch import distributed as dist

from refusals import refused
from scope.artifacts.schemas.metrics import COST_NAMES
from scope.update import step_clock
from scope.update.micro_batch import lengths_of
from scope.update.model_flops import dense_decoder
from scope.update.peak import PEAK_VARIABLE, peak_tflops
from scope.update.step_clock import PARTS, StepClock
from scope.update.step_cost import StepCost
from scope.update.trainer import Trainer
from trainers import ARMS, loss_settings, make_batch, update_settings
from worlds import tiny_model

pytestmark = pytest.mark.usefixtures("group_of_one")
CPU = torch.device("cpu")


@pytest.fixture
def seconds(monkeypatch):
    """A clock on which each look takes a second, and each pass of the trainer below so many more."""
    now = [0.0]

    def look():
        now[0] += 1
        return now[0]

    monkeypatch.setattr(step_clock, "perf_counter", look)
    return now


def slowed(monkeypatch, seconds, owner, name, by):
    plain = getattr(owner, name)

    def slow(*arguments):
        seconds[0] += by
        return plain(*arguments)

    monkeypatch.setattr(owner, name, slow)


def test_the_parts_of_a_step_are_timed_where_they_are_spent(teacher, monkeypatch, seconds):
    """Micro-batches of 10 s forward and 100 s backward, steps of 1,000 s; each look at the clock takes 1 s more."""
    slowed(monkeypatch, seconds, Trainer, "micro_batch_loss", 10)
    slowed(monkeypatch, seconds, Trainer, "_step", 1000)
    batch = make_batch(ARMS["scope"], tiny_model(1), teacher, prompts_per_step=2)
    trainer = Trainer(tiny_model(1), *update_settings(), "float32", loss_settings(ARMS["scope"]), peak_tflops=2e-9)
    slowed(monkeypatch, seconds, trainer.engine, "backward", 100)
    shape = dense_decoder(tiny_model(1))
    for number, metrics in enumerate(trainer.run_round(batch, 0)):
        rows = batch.filter(step=number)
        count, lengths = len(trainer.micro_batches(rows)), lengths_of(rows)
        assert count > 1
        expected = {
            "seconds_old_logprobs": number,  # the first step needs none
            "seconds_forward": 11 * count,
            "seconds_backward": 101 * count,
            "seconds_optimizer": 1001,
        }
        assert {name: metrics[name] for name in PARTS} == expected
        whole = sum(expected.values())
        assert metrics["tokens_per_second"] == pytest.approx(sum(lengths) / whole)
        assert metrics["mfu"] == pytest.approx(shape.training_flops(lengths) / (whole * 2000))
        assert metrics["peak_resident_gb"] == pytest.approx(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, rel=0.1
        )
        assert set(COST_NAMES) - metrics.keys() == {"peak_gpu_gb"}


def test_time_between_the_parts_belongs_to_none(seconds):
    clock = StepClock(CPU)
    clock.start()
    clock.end("seconds_old_logprobs")
    seconds[0] += 500
    clock.start()
    clock.end("seconds_forward")
    assert clock.seconds() == dict.fromkeys(PARTS, 0.0) | {"seconds_old_logprobs": 1, "seconds_forward": 1}


class Event:
    """A moment in the stream of a GPU, which reaches it when the CPU waits."""

    reached = 0

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        Event.reached += 250
        self.at = Event.reached

    def elapsed_time(self, later):
        """Milliseconds, as torch gives them."""
        return later.at - self.at


def test_a_gpu_is_timed_by_events_in_its_stream_and_waited_for_once(monkeypatch):
    waits, cuda = [], torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3_500_000_000)
    clock, cost = StepClock(cuda), StepCost(tiny_model(1), None)
    cost.begin(clock)
    for part in ("seconds_forward", "seconds_backward", "seconds_forward", "seconds_backward", "seconds_optimizer"):
        clock.end(part)
    assert not waits
    figures = cost.of_step(clock, [10, 15])
    assert waits == [cuda]
    assert [figures[name] for name in PARTS] == [0, 0.5, 0.5, 0.25]
    assert (figures["tokens_per_second"], figures["peak_gpu_gb"]) == (20, 3.5)
    assert "mfu" not in figures


def test_ranks_log_the_seconds_of_the_slowest_and_share_the_peak(monkeypatch, seconds):
    """Two ranks of 1 and 3 s: the step took 3 s, and two cards could have computed meanwhile."""
    cost, clock = StepCost(tiny_model(1), 1e-9), StepClock(CPU)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    of_other = {"seconds": 3.0, "seconds_forward": 3.0, "peak_resident_gb": 99.0}
    monkeypatch.setattr(
        dist, "all_gather_object", lambda parts, own: parts.__setitem__(slice(None), [own, own | of_other])
    )
    cost.begin(clock)
    clock.end("seconds_forward")
    figures = cost.of_step(clock, [30])
    assert (figures["seconds_forward"], figures["tokens_per_second"], figures["peak_resident_gb"]) == (3, 10, 99)
    assert figures["mfu"] == pytest.approx(dense_decoder(tiny_model(1)).training_flops([30]) / (3 * 2 * 1000))


def test_an_architecture_without_a_formula_is_named_in_the_log(capsys):
    model = tiny_model(1)
    model.config.model_type = "unheard_of"
    StepCost(model, None)
    assert not capsys.readouterr().err
    StepCost(model, 989.0)
    assert "no MFU is logged" in (line := capsys.readouterr().err)
    assert "unheard_of" in line


def test_the_peak_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv(PEAK_VARIABLE, raising=False)
    assert peak_tflops() is None
    monkeypatch.setenv(PEAK_VARIABLE, "989.5")
    assert peak_tflops() == 989.5
    for text in ("fast", "0", "-1", "nan", "inf", ""):
        monkeypatch.setenv(PEAK_VARIABLE, text)
        with refused("invalid-value", PEAK_VARIABLE, repr(text)):
            peak_tflops()
