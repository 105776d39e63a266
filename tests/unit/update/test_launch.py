"""The launcher of several ranks ends as they end."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import deepspeed
import pytest
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException

from conftest import ROOT
from refusals import refused
from scope.update import launch as launching
from scope.update.launch import relaunch

RANKS = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT / "scripts")!r})
from scope import cli
from scope.update.launch import relaunch

def main():
    relaunch(2)
    os.write(1, b"rank\\n")  # at once, so that no other rank writes in between
    time.sleep(60)

cli.run(main)
"""


def launch(monkeypatch, main):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(sys, "argv", ["scripts/update.py", "--round", "1"])
    monkeypatch.setattr(torchrun, "main", main)
    with pytest.raises(SystemExit) as ended:
        relaunch(2)
    return ended.value.code


def test_ranks_are_processes_of_the_same_command_line(monkeypatch):
    asked = []
    assert launch(monkeypatch, asked.append) == 0
    assert asked == [["--nproc-per-node=2", "--standalone", "scripts/update.py", "--round", "1"]]


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_is_a_status_and_no_traceback(monkeypatch, number):
    def main(_):
        raise SignalException("got signal", sigval=number)

    assert launch(monkeypatch, main) == 128 + number


def test_each_rank_of_a_node_has_a_card(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    assert [launching._card(rank, 2) for rank in range(2)] == [0, 1]
    with refused("too-few-gpus", "update.ranks", "the 2 GPUs", "CUDA_VISIBLE_DEVICES=4,5"):
        launching._card(2, 2)


def test_ranks_wait_an_hour_for_one_that_works_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(deepspeed, "init_distributed", lambda **options: asked.append(options["timeout"]))
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert launching.join_ranks(2) == 1
    assert asked == [timedelta(hours=1)]


def test_one_rank_needs_no_launcher(monkeypatch):
    monkeypatch.delenv("SCOPE_NODES", raising=False)
    relaunch(1)


@pytest.mark.real
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the launcher", "to its group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_two_ranks_end_at_a_signal_without_a_traceback(tmp_path, number, send):
    (tmp_path / "ranks.py").write_text(RANKS)
    pipe = subprocess.PIPE
    command = [sys.executable, tmp_path / "ranks.py"]
    launcher = subprocess.Popen(command, start_new_session=True, stdout=pipe, stderr=pipe, text=True)
    assert [launcher.stdout.readline() for _ in range(2)] == ["rank\n"] * 2
    send(launcher.pid, number)
    _, log = launcher.communicate(timeout=30)
    assert launcher.returncode == 128 + number
    assert "Traceback" not in log
    assert log.count("interrupted") == (2 if number == signal.SIGINT else 0)
