"""What sampling leaves in a stage's log: few lines on its start, progress, and last the sum."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from scope.artifacts import progress
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine

LINE = re.compile(r"progress: (\S+) of 6 responses, (\S+) tokens \(\S+ tokens/s\)(?:, at most (.*) left)?")


@pytest.mark.real
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_the_log_of_a_whole_call(engine, tiny):
    asked = {"requests": [[[3, 4, 5], i] for i in range(6)], "draw": {"temperature": 1.0, "max_tokens": 20}}
    command = [sys.executable, ROOT / "tests/sample_process.py", engine, tiny["student"].parent]
    environment = {name: value for name, value in os.environ.items() if name != "VLLM_LOGGING_LEVEL"}
    done = subprocess.run(
        command,
        input=json.dumps(asked | {"tempered": False}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=True,
    )
    *log, samples = sorted(done.stdout.splitlines(), key=lambda line: line.startswith("SAMPLES"))
    tokens = sum(len(sample["token_ids"]) for sample in json.loads(samples.removeprefix("SAMPLES")))
    assert re.fullmatch(rf"6 responses, {tokens} tokens in \S+ s \(\S+ tokens/s\)", log[-1])
    noise = [line for line in log[:-1] if line and not line.startswith(("progress: ", "Loading weights", "[W"))]
    assert noise == []


def test_time_left_comes_from_steps_and_counts_all_batches(tiny, monkeypatch, capsys):
    """Six responses in batches of four, each of at most 20 steps."""
    monkeypatch.setattr("scope.rollout.transformers.BATCH", 4)
    monkeypatch.setattr(progress.Progress, "due", lambda self: True)
    monkeypatch.setattr(progress, "duration", lambda seconds: f"{seconds:.9f}")
    engine = TransformersEngine(tiny["student"].parent, dtype="float32", max_model_len=64)
    samples = engine.sample([Request([3, 4, 5], i) for i in range(6)], Sampling(1.0, 20))
    *lines, last = [line for line in capsys.readouterr().err.splitlines() if "response" in line]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found)
    made = [int(line[2]) for line in found]
    assert made == sorted(made)
    assert made[-1] <= sum(len(sample.token_ids) for sample in samples)
    steps = max(len(s.token_ids) for s in samples[:4]) + max(len(s.token_ids) for s in samples[4:])
    assert len(lines) == steps
    assert [int(line[1]) for line in found].count(4) == max(len(s.token_ids) for s in samples[4:])
    assert found[0][3] is None
    assert last.startswith(f"6 responses, {sum(len(sample.token_ids) for sample in samples)} tokens in ")
