"""Values of problem files are read exactly, from all rows; what is no text or number is refused by row and column."""

import decimal
import json

import polars as pl
import pytest

from refusals import refused
from scope.config.data import Rows
from scope.planning.take import take
from scope.prompts.read import read_rows
from scope.prompts.rows import RowsSettings

SPEC = take(RowsSettings, Rows(path="rows"), content=[])


@pytest.fixture
def lines(tmp_path):
    """A JSON-lines file of rows, or of raw lines."""

    def written(*rows, end="\n", start=""):
        path = tmp_path / "rows.jsonl"
        text = [row if isinstance(row, str) else json.dumps({"problem": "p", **row}) for row in rows]
        path.write_bytes((start + "".join(line + end for line in text)).encode("utf-8"))
        return path

    return written


def answers(path, spec=SPEC):
    return [row["answer"] for row in read_rows([path], spec)]


def test_a_column_may_begin_in_any_row(lines):
    rows = [{"answer": "1"}] * 120 + [{"answer": "2", "source": "late"}]
    assert [row["source"] for row in read_rows([lines(*rows)], SPEC)] == ["rows"] * 120 + ["late"]


def test_a_starter_that_begins_in_a_late_row_is_kept(lines):
    tests = {"answer": "", "input_output": '{"inputs": ["1"], "outputs": ["2"]}'}
    spec = SPEC.model_copy(update={"domain": "code", "tests": "taco"})
    read = read_rows([lines(*[tests] * 120, {**tests, "starter_code": "def f():"})], spec)
    assert "def f():" in read[-1]["problem"]


def test_numbers_and_then_text_are_text(lines):
    assert answers(lines(*[{"answer": 7}] * 120, {"answer": r"\frac{1}{2}"}))[-2:] == ["7", r"\frac{1}{2}"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.1", "0.1"),
        ("0.10000000000000000001", "0.10000000000000000001"),
        ("1e-6", "0.000001"),
        ("1e2", "100"),
        ("3.0", "3.0"),
        ("-0.5", "-0.5"),
        ("[1, 2.50]", "1, 2.50"),
    ],
)
def test_a_number_of_json_keeps_its_digits_whatever_else_is_in_the_column(lines, written, text):
    line = f'{{"problem": "p", "answer": {written}}}'
    other = {"answer": [1]} if written.startswith("[") else {"answer": 0.25}
    assert answers(lines(line, other, line))[::2] == [text, text]


@pytest.mark.parametrize(
    ("values", "dtype", "text"),
    [
        ([0.1, 2.5], pl.Float32, ["0.1", "2.5"]),
        ([[0.1], [0.2, 0.3]], pl.List(pl.Float32), ["0.1", "0.2, 0.3"]),
        ([9007199254740993], pl.Int64, ["9007199254740993"]),
        ([0.1], pl.Float64, ["0.1"]),
        ([decimal.Decimal("0.50")], pl.Decimal(10, 2), ["0.50"]),
    ],
)
def test_a_number_of_parquet_is_the_one_that_was_written(tmp_path, values, dtype, text):
    path = tmp_path / "rows.parquet"
    columns = {"problem": ["p"] * len(values), "answer": pl.Series(values, dtype=dtype)}
    pl.DataFrame(columns).write_parquet(path)
    assert answers(path) == text


@pytest.mark.parametrize("value", [{"a": 1}, [[1]], [{"a": 1}], ["1", "2"]])
def test_what_is_no_text_among_texts_is_refused_with_row_and_column(lines, value):
    with refused("invalid-value", "rows.jsonl", "row 1", "'answer'"):
        answers(lines({"answer": "1"}, {"answer": value}))


@pytest.mark.parametrize("value", [{"a": 1}, b"12"])
def test_a_struct_or_bytes_in_parquet_are_refused_with_row_and_column(tmp_path, value):
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"problem": ["p"], "answer": [value]}).write_parquet(path)
    with refused("invalid-value", "rows.parquet", "row 0", "'answer'"):
        answers(path)


def test_what_is_not_a_number_is_missing(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"problem": ["p"], "answer": [float("nan")]}).write_parquet(path)
    with refused("missing-value", "row 0", "'answer'"):
        answers(path)


def test_a_byte_order_mark_line_ends_and_separators_in_texts_are_read(lines):
    separated = json.dumps({"problem": "p", "answer": "a\u2028b\u0085c"}, ensure_ascii=False)
    assert answers(lines({"answer": "1"}, "", "  ", separated, end="\r\n", start="\ufeff")) == ["1", "a\u2028b\u0085c"]
    assert answers(lines('{"problem": "p", "answer": "\\ud83d\\ude00"}')) == ["\U0001f600"]


def test_half_a_character_is_refused_by_row(lines):
    with refused("invalid-value", "rows.jsonl", "row 1", "'answer'", "U+D800"):
        answers(lines({"answer": "1"}, '{"problem": "p", "answer": "1\\ud800"}'))


@pytest.mark.parametrize("line", ['{"problem": "p", "answer": "1', "[1, 2]", "nonsense"])
def test_a_line_that_is_no_object_is_named(lines, line):
    with refused("unreadable-file", "rows.jsonl", "line 2"):
        answers(lines({"answer": "1"}, line))


def test_a_file_in_another_encoding_is_named_with_the_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"problem": "a", "answer": 1}\n{"problem": "ü", "answer": 1}\n'.encode("latin-1"))
    with refused("unreadable-file", "rows.jsonl", "line 2", "UTF-8"):
        answers(path)


def test_a_row_with_a_misspelled_key_is_refused_with_the_keys_that_it_has(lines):
    path = lines({"problem": "p", "answer": "1"}, {"problem": "q", "anwser": "2"})
    with refused("missing-value", "row 1", "no 'answer'", "problem, anwser"):
        answers(path)


def test_a_line_that_is_not_json_is_named_with_its_column_once(lines):
    path = lines('{"problem": "p", "answer": "1"}', '{"problem": "q", "answer": "2",}')
    with refused("unreadable-file", "line 2, column 32") as caught:
        answers(path)
    assert "line 1" not in str(caught.value)
