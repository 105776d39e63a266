"""Prompts from problem files: identity, duplicates, lengths; every fault named by file and row."""

import json

import polars as pl
import pytest

from scope.errors import InputError
from scope.prompts import build_prompts, content_hash
from scope.provenance import Settings
from scope.rows import read_rows
from scope.sections.inputs import Rows
from scope.tokenizers import bpe_tokenizer, character_tokenizer


def spec(**changes):
    """What a configuration says of a file of rows."""
    return Settings(Rows(path="rows", **changes).model_dump())


SPEC, TACO = spec(), spec(domain="code", tests="taco", problem="question")
TOKENIZER = bpe_tokenizer(["What is 1+1?", "Find $x$ with $x^2 = 9$."], 300)


def rows(*pairs):
    return [{"problem": problem, "answer": answer, "source": "s"} for problem, answer in pairs]


def build(given, **changes):
    options = {"domain": "math", "template": "{problem}\n", "max_tokens": 40, "overlong": "error", **changes}
    return build_prompts(given, TOKENIZER, **options)


def test_a_prompt_keeps_problem_answer_and_tokens():
    (prompt,), dropped = build(rows(("What is 1+1?", "2")))
    assert prompt["prompt_id"] == content_hash("math", "What is 1+1?")
    assert TOKENIZER.decode(prompt["prompt_token_ids"]) == "What is 1+1?\n"
    assert dropped == {"duplicates": 0, "overlong": 0}


def test_braces_in_a_problem_are_left_alone():
    (prompt,), _ = build(rows((r"\frac{1}{2}{problem}", "2")))
    assert TOKENIZER.decode(prompt["prompt_token_ids"]) == "\\frac{1}{2}{problem}\n"


def test_equal_problems_merge_and_conflicting_answers_stop():
    prompts, dropped = build(rows(("a", "1"), ("a", "1")))
    assert len(prompts) == 1
    assert dropped["duplicates"] == 1
    with pytest.raises(InputError, match=r"row 1: the problem 'a' occurs with the answers '1' and '2'"):
        build(rows(("a", "1"), ("a", "2")))


def test_an_overlong_prompt_stops_or_is_dropped_and_counted_never_cut():
    given = rows(("x" * 100, "1"), ("y", "2"))
    with pytest.raises(InputError, match=r"row 0: the prompt has \d+ tokens, data.max_prompt_tokens allows 40"):
        build(given)
    prompts, dropped = build(given, overlong="drop")
    assert [prompt["problem"] for prompt in prompts] == ["y"]
    assert dropped["overlong"] == 1
    with pytest.raises(InputError, match="no prompt is left"):
        build(given[:1], overlong="drop")


def test_a_prompt_without_tokens_stops():
    with pytest.raises(InputError, match="row 0: the prompt has no tokens"):
        build_prompts(rows(("", "1")), character_tokenizer(), domain="puzzle", template="{problem}", max_tokens=9,
                      overlong="error")  # fmt: skip


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_rows_are_read_from_files(tmp_path, suffix):
    frame = pl.DataFrame({"problem": ["a", "b"], "answer": [1, 2], "source": ["x", None]})
    path = tmp_path / f"rows.{suffix}"
    frame.write_parquet(path) if suffix == "parquet" else frame.write_ndjson(path)
    assert read_rows(path, SPEC) == [
        {"problem": "a", "answer": "1", "source": "x"},
        {"problem": "b", "answer": "2", "source": "rows"},
    ]


def test_rows_of_code_carry_their_tests_and_their_starter(tmp_path):
    path = tmp_path / "taco.jsonl"
    tests = '{"inputs": ["1"], "outputs": ["2"]}'
    pl.DataFrame({"question": ["a", "b"], "input_output": [tests] * 2, "starter_code": ["", "def f(x):"]}).write_ndjson(
        path
    )
    bare, started = read_rows(path, TACO)
    assert json.loads(bare.pop("tests")) == {"kind": "stdio", "inputs": ["1"], "outputs": ["2"]}
    assert bare == {"problem": "a", "answer": "", "source": "taco"}
    assert started["problem"] == "b\n\n```python\ndef f(x):\n```"


def test_rows_are_chosen_by_what_their_columns_hold(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {"problem": list("abcd"), "answer": list("1234"), "hard": [True, True, False, True],
               "level": [1, 2, 2, 2],
               "date": ["2024-07-31", "2024-08-01T00:00:00", "2025-01-31", "2025-02-02"]}  # fmt: skip
    pl.DataFrame(columns).write_parquet(path)
    chosen = lambda **changes: "".join(row["problem"] for row in read_rows(path, spec(**changes)))  # noqa: E731
    assert chosen(where={"hard": True}) == "abd"
    assert chosen(where={"hard": True, "level": 2}) == "bd"
    assert chosen(between={"date": ["2024-08-01", "2025-02-01"]}) == "bc"
    assert chosen(where={"level": 2}, limit=1) == "b"
    with pytest.raises(InputError, match=r"rows.parquet: no row is left"):
        chosen(where={"level": 3})
    with pytest.raises(InputError, match=r"no column 'source'"):
        chosen(where={"source": "x"})


def test_answers_are_lists_or_lie_in_the_box_of_a_solution(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"problem": ["a", "b"], "answer": [["7"], ["1", "2"]]}).write_parquet(path)
    assert [row["answer"] for row in read_rows(path, SPEC)] == ["7", "1, 2"]
    solutions = [r"So \boxed{1}, no: \boxed{\frac{1}{2}}.", r"It is \boxed{7}"]
    pl.DataFrame({"problem": ["a", "b"], "solution": solutions}).write_parquet(path)
    assert [row["answer"] for row in read_rows(path, spec(answer="solution", boxed=True))] == [r"\frac{1}{2}", "7"]
    pl.DataFrame({"problem": ["a"], "solution": ["It is 7"]}).write_parquet(path)
    with pytest.raises(InputError, match=r"row 0: 'solution' has no \\boxed; remove the row, or leave out"):
        read_rows(path, spec(answer="solution", boxed=True))


def test_a_number_may_have_a_tolerance_and_a_wrong_one_is_named(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {"problem": ["a", "b", "c"], "answer": ["4.2", "7", "8"], "error": ["1e-1", None, " "]}
    pl.DataFrame(columns).write_parquet(path)
    read = read_rows(path, spec(tolerance="error"))
    assert [row["tolerance"] for row in read] == [0.1, None, None]
    assert [prompt["tolerance"] for prompt in build(read)[0]] == [0.1, None, None]
    assert [prompt["tolerance"] for prompt in build(read_rows(path, SPEC))[0]] == [None, None, None]
    with pytest.raises(InputError, match=r"no column 'eps'"):
        read_rows(path, spec(tolerance="eps"))
    for wrong in ("0", "-1", "a tenth", "nan", "inf"):
        pl.DataFrame({**columns, "error": [None, wrong, None]}).write_parquet(path)
        with pytest.raises(InputError, match=rf"row 1: 'error' is '{wrong}'; write a positive number"):
            read_rows(path, spec(tolerance="error"))
    with pytest.raises(ValueError, match="`tolerance` belongs to `domain: math`"):
        spec(domain="puzzle", tolerance="error")


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "rows.parquet"
    with pytest.raises(InputError, match=r"rows.parquet: no such file"):
        read_rows(path, SPEC)
    path.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(InputError, match=r"rows.parquet: not readable"):
        read_rows(path, SPEC)
    pl.DataFrame({"question": ["a"]}).write_parquet(path)
    with pytest.raises(InputError, match=r"no column 'problem'; it has \['question'\]"):
        read_rows(path, SPEC)
    pl.DataFrame({"problem": ["a", " "], "answer": ["1", "2"]}).write_parquet(path)
    with pytest.raises(InputError, match=r"row 1: 'problem' is empty; remove the row or fill it in"):
        read_rows(path, SPEC)
    with pytest.raises(InputError, match=r"no column 'question'"):
        read_rows(path, TACO)
    pl.DataFrame({"question": ["a"], "input_output": ["[1]"]}).write_parquet(path)
    with pytest.raises(InputError, match=r"row 0: its tests are not those of taco: TypeError"):
        read_rows(path, TACO)
    with pytest.raises(InputError, match=r"give a .parquet or .jsonl"):
        read_rows(tmp_path / "rows.csv", SPEC)
