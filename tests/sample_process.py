"""Sample in a process of its own (a process holds at most one vLLM) and print the samples as JSON.

Usage: sample_process.py ENGINE FOLDER, with {requests: [[ids, seed]], draw: {...}, tempered: bool} on standard input.
With `done`, a list of indices, the other requests are sampled once more, one by one.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

from scope.rollout.engine import Request, Sampling
from scope.rollout.open import open_engine


def main():
    asked = json.load(sys.stdin)
    engine = open_engine(sys.argv[1], sys.argv[2], dtype="float32", max_model_len=64, tempered=asked["tempered"])
    requests, sampling = [Request(*request) for request in asked["requests"]], Sampling(**asked["draw"])
    samples = engine.sample(requests, sampling)
    print("SAMPLES", json.dumps([asdict(sample) for sample in samples]))
    if "done" in asked:
        each = engine.sample_each(requests, sampling, set(asked["done"]))
        print("EACH", json.dumps([(index, asdict(sample)) for index, sample in each]))


if __name__ == "__main__":
    main()
