"""`make bench`: figures of every side, tables between markers, and measurements that are kept."""

import json
import re

import pytest

from bench.cases import CASES
from bench.rows import Rows, shortened
from bench.store import Store
from bench.tables import fill, section
from conftest import BIN, ROOT, run
from refusals import refused


def measured(seconds, added, options=None):
    return {
        "seconds": seconds,
        "loaded_mb": 100.0,
        "peak_mb": 100.0 + added,
        "start_s": 1.0,
        "options": options or {},
        "check": {"entropy": 4.0},
    }


def test_rows_are_the_same_in_every_process_and_leave_out_special_ids():
    rows = Rows(8, 16, 32, 64)
    assert rows.pairs() == rows.pairs()
    assert all(16 <= len(prompt) + len(response) <= 32 for prompt, response in rows.pairs())
    assert min(token for pair in rows.pairs() for part in pair for token in part) >= 3
    assert {(len(prompt), len(response)) for prompt, response in shortened(rows.pairs())} == {(4, 12)}


def test_a_table_has_medians_spread_and_multiples_of_the_first_side():
    case = next(case for case in CASES if case.name == "update_small")
    figures = {
        "SCOPE": [measured(2.0, 50), measured(1.0, 50), measured(3.0, 50)],
        "TRL": [measured(5.0, 200, {"rows_per_device": 4})] * 3,
    }
    ours, trl = section(case, figures).splitlines()[2:4]
    assert ours.startswith("| SCOPE | 2.00 | 1.00–3.00 |")
    assert trl.startswith("| TRL (rows_per_device 4, the fastest) | 5.00 |")
    assert "| 2.50 | 100 | 200 | 4.00 |" in trl


def test_a_finished_measurement_is_kept_until_fresh(tmp_path):
    file = tmp_path / "kept.jsonl"
    Store(file, fresh=False).add("a", {"seconds": 1.0})
    assert Store(file, fresh=False).get("a") == {"key": "a", "seconds": 1.0}
    assert Store(file, fresh=True).get("a") is None


def test_only_what_is_between_markers_is_replaced(tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text("before\n<!-- head -->\nold\n<!-- end of head -->\nafter\n")
    fill(document, {"head": "new"})
    assert document.read_text() == "before\n<!-- head -->\nnew\n<!-- end of head -->\nafter\n"
    with refused("missing-marker", "pack_length"):
        fill(document, {"pack_length": "new"})


def test_the_document_has_a_place_for_every_case():
    text = (ROOT / "docs/benchmarks.md").read_text()
    assert [case.name for case in CASES if f"<!-- {case.name} -->" not in text] == []


@pytest.mark.real
@pytest.mark.slow
def test_quick_measures_this_side_and_resumes(tmp_path):
    command = [BIN / "python", ROOT / "dev/benchmark.py", "--quick", "--only", "head", "pack_length"]
    options = ["--sides", "scope", "--repeats", "1", "--environment", tmp_path]
    first, second = (run(*command, *options) for _ in "ab")
    assert "| SCOPE |" in first.stdout
    assert "| packs of 2,048 |" in first.stdout
    measured_now = first.stdout.count(": measuring\n")
    assert (measured_now, second.stdout.count(": measuring\n")) == (4, 0)
    assert second.stdout == re.sub(r".*: measuring\n", "", first.stdout)
    rows = [json.loads(line) for line in (tmp_path / "quick.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert all(row["seconds"] > 0 and row["peak_mb"] > row["loaded_mb"] > 0 for row in rows)


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_runs_on_a_cpu_with_a_tiny_model(tmp_path):
    out = tmp_path / "gpu.json"
    printed = run("python", "dev/benchmark_gpu.py", "--quick", "--out", out).stdout
    parts = json.loads(out.read_text())["parts"]
    assert list(parts) == ["update", "padded", "score", "vllm"]
    for part, row in parts.items():
        assert row["tokens_per_second"] > 0
        assert f"| {part} | " in printed
    assert parts["vllm"]["sampled_tokens_per_second"] > 0
