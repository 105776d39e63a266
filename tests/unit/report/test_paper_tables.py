"""The paper's Tables 1 and 2: copied without slips, and filled only with what was measured as the paper measures."""

import sys

import polars as pl
import pytest

from conftest import ROOT, run
from scope.report.paper_tables import BLOCKS, METHODS, SAMPLING, paper_tables, table
from scope.report.recipe import ReportEvaluation

R1, QWEN3, CODE = BLOCKS
SETTINGS = {"n": 32, "max_tokens": 32768, "sampling": {"paper": {**SAMPLING, "repetition_penalty": 1.0}}}
PAPER = ReportEvaluation.model_validate(SETTINGS)
ALL = [(benchmark, policy) for benchmark in R1.benchmarks[:-1] for policy in METHODS]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.title)
def test_the_printed_averages_are_those_of_the_printed_figures(block):
    figures = block.figures()
    for method in METHODS:
        for side in (0, 1):
            values = [figures[name, method][side] for name in block.benchmarks[:-1]]
            assert figures["average", method][side] == pytest.approx(sum(values) / len(values), abs=0.0501)


def test_the_gains_that_the_paper_prints_follow_from_its_table():
    """`Delta vs. OPD` of Table 1, first block, A@32: AIME24 +6.22 %, Olympiad +10.69 %, average +5.54 %."""
    figures = R1.figures()
    for benchmark, gain in {"aime24": 6.22, "olympiadbench": 10.69, "average": 5.54}.items():
        scope, opd = figures[benchmark, "scope"][0], figures[benchmark, "opd"][0]
        assert 100 * (scope / opd - 1) == pytest.approx(gain, abs=0.01)


def accuracy(keys=ALL, sampling="paper"):
    rows = [{"sampling": sampling, "benchmark": benchmark, "policy": policy, "pooled": True, "final": True,
             "metric": metric, "value": value} for benchmark, policy in keys
            for metric, value in (("avg@32", 0.5), ("best@32", 0.75), ("pass@32", 0.9))]  # fmt: skip
    return pl.DataFrame(rows)


def here(tables, benchmark):
    (row,) = [row for row in tables[0]["rows"] if row[0] == benchmark]
    return row[2::2]


def test_what_was_measured_stands_beside_the_paper():
    tables = paper_tables(accuracy(), R1.student, PAPER)
    assert tables[0]["title"] == R1.title
    assert here(tables, "aime24") == here(tables, "average") == ["50.0 / 75.0"] * 5


def test_an_average_needs_every_benchmark():
    tables = paper_tables(accuracy([("aime24", "base"), ("amc23", "scope")]), R1.student, PAPER)
    assert here(tables, "aime24") == ["50.0 / 75.0", "–", "–", "–", "–"]
    assert here(tables, "average") == ["–"] * 5


@pytest.mark.parametrize("change", [
    {"n": 31}, {"max_tokens": 16384}, {"sampling": {"paper": {**SAMPLING, "repetition_penalty": 1.08}}},
    {"sampling": {"paper": {**SAMPLING, "top_k": 0, "repetition_penalty": 1.0}}},
])  # fmt: skip
def test_other_settings_than_the_papers_leave_the_column_empty(change):
    tables = paper_tables(accuracy(), R1.student, ReportEvaluation.model_validate({**SETTINGS, **change}))
    assert here(tables, "aime24") == ["–"] * 5


def test_other_students_and_benchmarks_have_no_table():
    assert paper_tables(accuracy(), "another", PAPER) == []
    assert paper_tables(accuracy([("coins", "base")]), R1.student, PAPER) == []
    code = paper_tables(accuracy([("humaneval", "base")]), CODE.student, PAPER)
    assert [shown["title"] for shown in code] == [CODE.title]


def test_the_document_prints_them_with_an_empty_column():
    printed = run(sys.executable, ROOT / "dev/paper_tables.py")
    assert printed.stdout == (ROOT / "docs/paper_tables.md").read_text()
    for block in BLOCKS:
        assert {text for row in table(block, {})["rows"] for text in row[2::2]} == {"–"}
