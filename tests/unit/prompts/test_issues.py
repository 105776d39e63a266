r"""Issues of rows: each is found, named by file and row, and has the action that the configuration says.

Rows are written as \frac and friends would be: a form feed is what a JSON reader makes of a single backslash and f.
"""

import json

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.data import OnIssue
from scope.config.experiment import open_config
from scope.errors import InputError
from scope.prompts.find import find, unverifiable
from scope.prompts.generated import generated_rows
from scope.prompts.issues import OF_BENCHMARKS, Found, counts, read_found, settle, to_text, training_actions
from scope.verify.api import verify_math

STOP = training_actions(OnIssue())
DROP = {issue: "drop" if action == "error" else action for issue, action in STOP.items()}
KEEP = {**DROP, **dict.fromkeys(("broken", "unverifiable", "contaminated"), "keep")}
LONG = "Let a spider walk along the shortest way on a cube with side $x^2 + 1$ from one corner to the other one."
HELD_OUT = {"aime": [(7, "Something else entirely."), (8, LONG)]}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Verdicts in this process: starting workers takes a second or two."""

    def verify(rows, verifiers):
        return [verify_math(row.response, row.answer) for row in rows]

    monkeypatch.setattr("scope.prompts.find.verify_rows", verify)


def rows(*pairs, **columns):
    return [
        {"row": 10 + row, "problem": problem, "answer": answer, "source": "s", **columns}
        for row, (problem, answer) in enumerate(pairs)
    ]


def job_of(expected):
    return json.dumps({"kind": "stdio", "inputs": [""], "outputs": [expected]})


def issues(given, actions=DROP, domain="math", benchmarks=None):
    found = find(given, domain=domain, actions=actions, benchmarks=benchmarks or {}, n=13)
    return settle(given, found, actions, "file.parquet")


def listed(*arguments, **options):
    return [(one["row"], one["issue"], one["action"]) for one in issues(*arguments, **options)]


ROWS_WITH_ISSUES = {
    "conflicting": (rows(("a", "1"), ("b", "1"), ("a", "2")), [10, 12], "the problem 'a' has the answers '1' in row"),
    "broken": (rows(("What is \x0crac{1}{2}?", "1")), [10], r"problem: the character U\+000C before 'rac"),
    "unverifiable": (rows(("a", r"\text{}")), [10], r"the answer .* does not verify against itself: empty_box"),
    "contaminated": (rows((LONG, "1")), [10], "equals aime row 8"),
}


@pytest.mark.parametrize("issue", ROWS_WITH_ISSUES)
def test_a_issue_stops_the_run_or_is_dropped_or_kept_and_listed(issue):
    given, at, said = ROWS_WITH_ISSUES[issue]
    keep = "" if issue == "conflicting" else " or `keep`"
    with pytest.raises(InputError, match=rf"(?s)file.parquet: {issue} rows: {len(at)}; fix or remove them, or write "
                       rf"`data.on_issue.{issue}: drop`{keep}\n  row 10: .*{said}"):  # fmt: skip
        issues(given, STOP, benchmarks=HELD_OUT)
    assert listed(given, benchmarks=HELD_OUT) == [(row, issue, "dropped") for row in at]
    if issue != "conflicting":
        assert listed(given, KEEP, benchmarks=HELD_OUT) == [(row, issue, "kept") for row in at]


def test_every_issue_is_reported_at_once_and_long_lists_are_counted():
    given = rows(*((f"\x0c {i}", "1") for i in range(8)), ("a", r"\text{}"))
    with refused("row-issues", "broken rows: 8", "row 14", "and 3 more\n", "unverifiable rows: 1") as told:
        issues(given, STOP)
    assert "row 15" not in str(told.value)


def test_a_benchmark_keeps_its_problems_but_cannot_ask_one_with_two_answers():
    assert listed(rows(("\x0crac", "1"), ("b", "}")), OF_BENCHMARKS) == [
        (10, "broken", "kept"), (11, "broken", "kept"), (11, "unverifiable", "kept")]  # fmt: skip
    with refused("row-issues", "conflicting rows: 2", "row 10") as error:
        issues(rows(("a", "1"), ("a", "2")), OF_BENCHMARKS)
    assert "drop" not in str(error.value)


@pytest.mark.parametrize("other", ["0.5", r"\frac12", r"\dfrac{1}{2}", "x = 1/2"])
def test_answers_that_mean_the_same_merge_into_the_first_row(other):
    (one,) = issues(rows(("a", r"\frac{1}{2}"), ("a", other)), STOP)
    assert (one["row"], one["issue"], one["action"]) == (11, "duplicate", "merged")
    assert one["detail"] == "the problem of row 10; its answer is kept"


@pytest.mark.parametrize("pair", [("x < 3", r"(-\infty, 3)"), (r"(-\infty, 3)", "x < 3")])
def test_answers_that_verify_one_way_only_are_no_conflict(pair):
    assert listed(rows(*(("a", answer) for answer in pair)), STOP) == [(11, "duplicate", "merged")]


def test_problems_without_answers_merge_and_other_tests_are_reported():
    one, other = rows(("a", ""), tests=job_of("1")), rows(("x", ""), ("a", ""), tests=job_of("2"))
    assert [(f["row"], f["detail"]) for f in issues(one + other[1:], STOP, "code")] == [
        (11, "the problem of row 10; its tests is kept")]  # fmt: skip


def test_a_row_that_is_dropped_for_a_issue_takes_no_other_with_it():
    given = rows(("a", "{1"), ("a", "1"))
    assert listed(given) == [(10, "broken", "dropped"), (10, "unverifiable", "dropped")]
    assert {(10, "conflicting", "dropped"), (11, "conflicting", "dropped")} <= set(listed(given, KEEP))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a \times b", "U+0009 before 'imes b'"),
        ("a \right)", "U+000D before 'ight)'"),
        ("a \neq b", "U+000A before 'eq b'"),
        ("a \x08eta b", "U+0008 before 'eta b'"),
        ("a \ufffd b", "U+FFFD"),
    ],
)
def test_a_lost_backslash_is_found_in_problem_and_answer(text, said):
    for pair, column in (((text, "1"), "problem"), (("p", text), "answer")):
        with refused("row-issues", f"{column}: ", said):
            issues(rows(pair), STOP)


@pytest.mark.parametrize("text", ["one\ttwo", "one\r\ntwo", "x\nequals y", r"\frac{1}{2}\theta", "a \n\\neq b"])
def test_ordinary_blanks_are_no_issue(text):
    assert issues(rows((text, "1")), STOP) == []


def test_golds_are_verified_under_a_deadline(monkeypatch):
    monkeypatch.undo()
    found = unverifiable(rows(("a", "1"), ("b", r"\text{}"), ("c", r"9^{9^{9^{9}}}")))
    assert [(one.row, one.detail.rpartition(": ")[2]) for one in found] == [(11, "empty_box")]


def test_unbalanced_answers_are_broken():
    for answer, said in (("{1", "braces in '{1'"), ("$5", "$ in '$5'")):
        with refused("row-issues", "answer: ", said):
            issues(rows(("a", answer)), STOP)
    for answer in (r"\$5", "$5$", r"\left\{1,2\right\}"):
        assert issues(rows(("a", answer)), STOP) == []
    assert issues(rows(("print('{')", ""), tests=job_of("1")), STOP, "code") == []


def test_issues_go_through_a_file_whose_bytes_depend_on_them_alone(tmp_path):
    found = [Found(11, "duplicate", "the problem of row 3"), Found(2, "broken", "answer: a single $ in 'é$'")]
    assert to_text(found) == to_text(found[::-1])
    (tmp_path / "train.json").write_text(to_text(found), encoding="utf-8")
    assert read_found(tmp_path / "train.json") == sorted(found)
    for text in ("", "{", '[{"row": 1}]'):
        (tmp_path / "train.json").write_text(text)
        with refused("unreadable-file", "train.json"):
            read_found(tmp_path / "train.json")


@pytest.mark.real
@pytest.mark.parametrize("world", ["config", "code_demo"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_generated_rows_have_no_issues_and_so_are_not_checked(world, split):
    data = open_config(ROOT / f"config/{world}.yaml").data
    given, domain, _ = generated_rows(data, split)
    assert find(given, domain=domain, actions=STOP, benchmarks={}, n=None) == []


def test_issues_are_counted_by_kind_and_action():
    assert counts(issues(rows(("\x0c", "1"), ("a", "1"), ("a", "1")))) == {"broken dropped": 1, "duplicate merged": 1}


def test_copies_that_are_spelled_differently_are_one_problem():
    pair = (r"What is $x^2 - 7x + 10$ at  $x = 1$ ?", "4"), (r"What is \(x^2-7x+10\) at $x=1$", "-4")
    assert listed(rows(*pair)) == [(10, "conflicting", "dropped"), (11, "conflicting", "dropped")]
    assert listed(rows(pair[0], (pair[1][0], "4"))) == [(11, "duplicate", "merged")]
    assert (
        listed(rows(("Is $X$ in $[0, 1]$?", "Yes"), ("Is $X$ in $(0, 1)$?", "No"), ("Is $x$ in $[0, 1]$?", "No"))) == []
    )


@pytest.mark.parametrize("tests", [
    {"kind": "stdio", "inputs": [], "outputs": []},
    {"kind": "asserts", "functions": ["f"], "setup": "", "tests": "def check(f):\n    pass\ncheck(f)", "preamble": "",
     "prompt": ""},
], ids=lambda tests: tests["kind"])  # fmt: skip
def test_code_without_tests_would_accept_any_program(tests):
    given = rows(("a", ""), tests=json.dumps(tests))
    with refused("row-issues", "untested rows: 1", "`data.on_issue.unverifiable: drop`", "row 10"):
        issues(given, STOP, domain="code")
    assert listed(given, domain="code") == [(10, "untested", "dropped")]
    with refused("row-issues", "untested rows: 1") as error:
        issues(given, OF_BENCHMARKS, domain="code")
    assert "drop" not in str(error.value)
