"""Prompts from problem files: identity, duplicates, lengths; every issue named by file and row."""

import json

import polars as pl
import pytest
from tokenizers.processors import TemplateProcessing

from refusals import refused
from scope.config.data import OnIssue, Rows
from scope.models.tokenizers import bpe_tokenizer, character_tokenizer
from scope.planning.take import take
from scope.prompts.build import build_prompts, check_ids, content_hash
from scope.prompts.chat_recipe import ChatSettings
from scope.prompts.chat_template import writer
from scope.prompts.issues import training_actions
from scope.prompts.read import read_problems, read_rows
from scope.prompts.rows import RowsSettings


def spec(**changes):
    """What a configuration says of a file of rows."""
    return take(RowsSettings, Rows(path="rows", **changes), content=[])


SPEC, TACO = spec(), spec(domain="code", tests="taco", problem="question")
TOKENIZER = bpe_tokenizer(["What is 1+1?", "Find $x$ with $x^2 = 9$."], 300)


def rows(*pairs):
    return [
        {"row": row, "problem": problem, "answer": answer, "source": "s"} for row, (problem, answer) in enumerate(pairs)
    ]


def build(given, tokenizer=TOKENIZER, template="{problem}\n", chat=None, **changes):
    options = {"domain": "math", "max_tokens": 40, "found": [], "where": "file.parquet", **changes}
    actions = {**training_actions(OnIssue()), **options.pop("actions", {})}
    return build_prompts(
        given,
        writer(tokenizer, template, chat and ChatSettings(**{**dict.fromkeys(("system", "thinking", "date")), **chat})),
        actions=actions,
        **options,
    )


def test_a_prompt_keeps_problem_answer_and_tokens():
    (prompt,), issues = build(rows(("What is 1+1?", "2")))
    assert prompt["prompt_id"] == content_hash("math", "What is 1+1?")
    assert TOKENIZER.decode(prompt["prompt_token_ids"]) == "What is 1+1?\n"
    assert issues == []


def test_braces_in_a_problem_are_left_alone():
    (prompt,), _ = build(rows((r"\frac{1}{2}{problem}", "2")))
    assert TOKENIZER.decode(prompt["prompt_token_ids"]) == "\\frac{1}{2}{problem}\n"


def test_an_overlong_prompt_stops_or_is_dropped_and_listed_never_cut():
    given = rows(("x" * 100, "1"), ("y", "2"))
    names = ["file.parquet", "overlong rows: 1", "`data.on_issue.overlong: drop`", "row 0"]
    with refused("row-issues", *names, "data.max_prompt_tokens", "40"):
        build(given)
    prompts, issues = build(given, actions={"overlong": "drop"})
    assert [prompt["problem"] for prompt in prompts] == ["y"]
    assert [(issue["row"], issue["issue"], issue["action"]) for issue in issues] == [(0, "overlong", "dropped")]
    with refused("no-prompts", "file.parquet"):
        build(given[:1], actions={"overlong": "drop"})


CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[bot]{% if enable_thinking is false %}<nothing>{% endif %}{% endif %}"
)


@pytest.fixture
def chatty():
    """A tokenizer with a chat template, whose own default is to put a BOS before everything."""

    def make(template=CHAT):
        tokenizer = bpe_tokenizer(["What is 1+1?"], 300)
        tokenizer.bos_token, tokenizer.chat_template = "<eos>", template
        first = TemplateProcessing(single="<eos> $A", special_tokens=[("<eos>", tokenizer.bos_token_id)])
        tokenizer.backend_tokenizer.post_processor = first
        assert tokenizer("1+1?")["input_ids"][0] == tokenizer.bos_token_id
        return tokenizer

    return make


def chat(system=None, thinking=None, date=None):
    return {"system": system, "thinking": thinking, "date": date}


@pytest.mark.parametrize(
    ("section", "written"),
    [
        (chat(), "[user]Solve: 1+1?[bot]"),
        (chat(thinking=True), "[user]Solve: 1+1?[bot]"),
        (chat(thinking=False), "[user]Solve: 1+1?[bot]<nothing>"),
        (chat("Be brief.", False), "[system]Be brief.[user]Solve: 1+1?[bot]<nothing>"),
    ],
)
def test_the_chat_template_of_the_tokenizer_is_around_the_filled_template(chatty, section, written):
    tokenizer = chatty()
    (prompt,), _ = build(rows(("1+1?", "2")), tokenizer, "Solve: {problem}", section, max_tokens=99)
    assert tokenizer.decode(prompt["prompt_token_ids"]) == f"<eos>{written}"
    assert prompt["prompt_token_ids"].count(tokenizer.bos_token_id) == 1
    assert prompt["problem"] == "1+1?"


@pytest.mark.parametrize(
    ("template", "section", "code", "names"),
    [
        (None, chat(), "no-chat-template", ["data.chat"]),
        (
            "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
            chat("Be brief."),
            "unused-system-prompt",
            ["data.chat.system", "'Be brief.'"],
        ),
        (
            "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
            chat("Be brief."),
            "refused-messages",
            ["data.chat", "no system"],
        ),
        ("{{ messages[0].content }}", chat(thinking=True), "no-thinking-switch", ["data.chat.thinking"]),
        ("{{ messages[0].content }}", chat(thinking=False), "no-thinking-switch", ["data.chat.thinking"]),
    ],
)
def test_what_a_chat_template_cannot_do_is_refused(chatty, template, section, code, names):
    with refused(code, *names):
        build(rows(("1+1?", "2")), chatty(template), chat=section)


def test_a_prompt_without_tokens_stops():
    with refused("empty-prompt", "file.parquet: row 0"):
        build(rows(("", "1")), character_tokenizer(), "{problem}")


def test_a_token_that_the_model_does_not_have_is_refused_by_problem():
    prompts, _ = build(rows(("1", "1"), ("What is 1+1?", "2")))
    largest = max(token for prompt in prompts for token in prompt["prompt_token_ids"])
    check_ids(prompts, largest + 1, "file.parquet")
    with refused("unknown-token", "file.parquet", "'What is 1+1?'", str(largest), "vocab_size"):
        check_ids(prompts, largest, "file.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_rows_are_read_from_files(tmp_path, suffix):
    frame = pl.DataFrame({"problem": ["a", "b"], "answer": [1, 2], "source": ["x", None]})
    path = tmp_path / f"rows.{suffix}"
    frame.write_parquet(path) if suffix == "parquet" else frame.write_ndjson(path)
    assert read_rows([path], SPEC) == [
        {"row": 0, "problem": "a", "answer": "1", "source": "x"},
        {"row": 1, "problem": "b", "answer": "2", "source": "rows"},
    ]


def test_several_files_are_one(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "ab"]
    for path in paths:
        pl.DataFrame({"problem": ["x", path.stem], "answer": [1, 2]}).write_parquet(path)
    assert [(row["row"], row["problem"]) for row in read_rows(paths, SPEC)] == list(enumerate(["x", "a", "x", "b"]))
    pl.DataFrame({"problem": ["x", ""], "answer": [1, 2]}).write_parquet(paths[1])
    with refused("missing-value", "a.parquet and 1 more", "row 3", "'problem'"):
        read_rows(paths, SPEC)
    pl.DataFrame({"question": ["x"]}).write_parquet(paths[1])
    with refused("different-columns", "a.parquet and 1 more"):
        read_rows(paths, SPEC)


def test_rows_of_code_carry_their_tests_and_their_starter(tmp_path):
    path = tmp_path / "taco.jsonl"
    tests = '{"inputs": ["1"], "outputs": ["2"]}'
    pl.DataFrame({"question": ["a", "b"], "input_output": [tests] * 2, "starter_code": ["", "def f(x):"]}).write_ndjson(
        path
    )
    bare, started = read_rows([path], TACO)
    assert json.loads(bare.pop("tests")) == {"kind": "stdio", "inputs": ["1"], "outputs": ["2"]}
    assert bare == {"row": 0, "problem": "a", "answer": "", "source": "taco"}
    assert started["problem"] == "b\n\n```python\ndef f(x):\n```"


def test_rows_are_chosen_by_what_their_columns_hold(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {
        "problem": list("abcd"),
        "answer": list("1234"),
        "hard": [True, True, False, True],
        "level": [1, 2, 2, 2],
        "date": ["2024-07-31", "2024-08-01T00:00:00", "2025-01-31", "2025-02-02"],
    }
    pl.DataFrame(columns).write_parquet(path)
    chosen = lambda **changes: "".join(row["problem"] for row in read_rows([path], spec(**changes)))  # noqa: E731
    assert chosen(where={"hard": True}) == "abd"
    assert chosen(where={"hard": True, "level": 2}) == "bd"
    assert chosen(between={"date": ["2024-08-01", "2025-02-01"]}) == "bc"
    assert chosen(where={"level": 2}, limit=1) == "b"
    assert [row["row"] for row in read_rows([path], spec(where={"hard": True}))] == [0, 1, 3]
    assert read_problems([path], spec(where={"hard": True}, answer="absent")) == [(0, "a"), (1, "b"), (3, "d")]
    with refused("no-rows", "rows.parquet"):
        chosen(where={"level": 3})
    with refused("missing-column", "rows.parquet", "'source'"):
        chosen(where={"source": "x"})


def test_answers_are_lists_or_lie_in_the_box_of_a_solution(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"problem": ["a", "b"], "answer": [["7"], ["1", "2"]]}).write_parquet(path)
    assert [row["answer"] for row in read_rows([path], SPEC)] == ["7", "1, 2"]
    solutions = [r"So \boxed{1}, no: \boxed{\frac{1}{2}}.", r"It is \boxed{7}"]
    pl.DataFrame({"problem": ["a", "b"], "solution": solutions}).write_parquet(path)
    assert [row["answer"] for row in read_rows([path], spec(answer="solution", boxed=True))] == [r"\frac{1}{2}", "7"]
    pl.DataFrame({"problem": ["a"], "solution": ["It is 7"]}).write_parquet(path)
    with refused("no-box", "rows.parquet", "row 0", "'solution'"):
        read_rows([path], spec(answer="solution", boxed=True))


def test_a_number_may_have_a_tolerance_and_a_wrong_one_is_named(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {"problem": ["a", "b", "c"], "answer": ["4.2", "7", "8"], "error": ["1e-1", None, " "]}
    pl.DataFrame(columns).write_parquet(path)
    read = read_rows([path], spec(tolerance="error"))
    assert [row["tolerance"] for row in read] == [0.1, None, None]
    assert [prompt["tolerance"] for prompt in build(read)[0]] == [0.1, None, None]
    assert [prompt["tolerance"] for prompt in build(read_rows([path], SPEC))[0]] == [None, None, None]
    with refused("missing-column", "'eps'"):
        read_rows([path], spec(tolerance="eps"))
    for wrong in ("0", "-1", "a tenth", "nan", "inf"):
        pl.DataFrame({**columns, "error": [None, wrong, None]}).write_parquet(path)
        with refused("invalid-value", "row 1", "'error'", f"'{wrong}'"):
            read_rows([path], spec(tolerance="error"))
    with pytest.raises(ValueError, match="`tolerance` belongs to `domain: math`"):
        spec(domain="puzzle", tolerance="error")


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "rows.parquet"
    with refused("no-such-file", "rows.parquet"):
        read_rows([path], SPEC)
    path.write_bytes(b"PAR1 nonsense PAR1")
    with refused("unreadable-file", "rows.parquet"):
        read_rows([path], SPEC)
    pl.DataFrame({"question": ["a"]}).write_parquet(path)
    with refused("missing-column", "'problem'", "['question']"):
        read_rows([path], SPEC)
    pl.DataFrame({"problem": ["a", " "], "answer": ["1", "2"]}).write_parquet(path)
    with refused("missing-value", "row 1", "'problem'"):
        read_rows([path], SPEC)
    with refused("missing-column", "'question'"):
        read_rows([path], TACO)
    pl.DataFrame({"question": ["a"], "input_output": ["[1]"]}).write_parquet(path)
    with refused("invalid-tests", "row 0", "taco", "TypeError"):
        read_rows([path], TACO)
    with refused("unknown-format", "rows.csv", ".parquet", ".jsonl"):
        read_rows([tmp_path / "rows.csv"], SPEC)
