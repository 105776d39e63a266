"""Parquet artifacts: round trip, equal bytes for equal input, and every kind of damage told by name."""

import polars as pl
import pytest

from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.scores import SCORES
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.errors import InputError

RECIPE = make_recipe("weigh", {"a": 1})
ROWS = [
    {"prompt_id": "b", "sample_index": 0, "correct": True, "extracted": "7", "reason": "correct"},
    {"prompt_id": "a", "sample_index": 1, "correct": False, "extracted": None, "reason": "wrong"},
    {"prompt_id": "a", "sample_index": 0, "correct": False, "extracted": "\N{BLACK CHESS KNIGHT}", "reason": "wrong"},
]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "folder/verdicts.parquet"
    parquet.write(path, VERDICTS, ROWS, recipe=RECIPE, inputs=[__file__], round=3)
    return path


def test_a_round_trip_keeps_rows_sorted_by_their_keys(written):
    read = parquet.read(written, VERDICTS)
    assert read.to_dicts() == [ROWS[2], ROWS[1], ROWS[0]]


def test_provenance_travels_with_the_file(written):
    notes = parquet.metadata(written)
    assert notes["recipe"]["settings"] == {"a": 1}
    assert notes["round"] == 3
    assert list(notes["inputs"]) == [__file__]
    assert len(notes["inputs"][__file__]) == 64


def test_equal_input_gives_equal_bytes_in_any_order(written, tmp_path):
    again = tmp_path / "again.parquet"
    parquet.write(again, VERDICTS, ROWS[::-1], recipe=RECIPE, inputs=[__file__], round=3)
    assert again.read_bytes() == written.read_bytes()


def test_nothing_but_the_file_is_left_behind(written):
    assert [path.name for path in written.parent.iterdir()] == ["verdicts.parquet"]


def test_a_failed_write_keeps_the_older_file(written):
    before = written.read_bytes()
    with pytest.raises(RuntimeError), parquet.atomic(written) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert written.read_bytes() == before
    assert len(list(written.parent.iterdir())) == 1


@pytest.mark.real
def test_a_flipped_byte_is_found_wherever_it_changes_a_value(tmp_path):
    path = tmp_path / "v.parquet"
    rows = [{**ROWS[0], "sample_index": i, "extracted": str(i * 7919)} for i in range(200)]
    parquet.write(path, VERDICTS, rows, recipe=RECIPE, inputs=[__file__])
    whole = path.read_bytes()
    found = 0
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read = parquet.read(path, VERDICTS)
        except InputError as error:
            found += "v.parquet" in str(error)
        else:
            assert read.to_dicts() == rows, f"byte {position} went unseen"
    assert found > 0.5 * len(whole) / 3


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_truncated_file_is_named(written, keep):
    whole = written.read_bytes()
    written.write_bytes(whole[:keep])
    with refused("unreadable-file", written):
        parquet.read(written, VERDICTS)


def test_a_missing_file_names_its_stage(tmp_path):
    with refused("no-such-file", "none.parquet", "scores"):
        parquet.read(tmp_path / "none.parquet", SCORES)


def test_a_file_of_another_kind_names_the_columns(written):
    with refused("wrong-columns", "['scorer_logprobs']", "['correct', 'extracted', 'reason']"):
        parquet.read(written, SCORES)


@pytest.mark.parametrize(
    ("change", "code", "names"),
    [
        ({"correct": None}, "missing-value", ["'correct'", "row 1"]),
        ({"sample_index": "one"}, "wrong-type", ["'sample_index'", "int32"]),
        ({"prompt_id": "a"}, "repeated-key", ["['prompt_id', 'sample_index']", "row 0"]),
    ],
)
def test_bad_rows_are_refused_before_anything_is_written(tmp_path, change, code, names):
    rows = pl.DataFrame([{**ROWS[0], **change}, ROWS[2]], strict=False)
    if "sample_index" in change:
        rows = rows.with_columns(sample_index=pl.Series(["one", "0"]))
    with refused(code, "x.parquet", *names):
        parquet.write(tmp_path / "x.parquet", VERDICTS, rows, recipe=RECIPE)
    assert list(tmp_path.iterdir()) == []
