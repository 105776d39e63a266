"""The data card: forms of answers, what can be guessed, lengths, sources, licences, and every issue with its action."""

import json

import pytest

from report_world import charts, page, recipe, rows_of, section, visible, world, write_problems  # noqa: F401
from scope.report.answer_forms import FORMS, form, guessable

pytestmark = pytest.mark.real  # each builds a whole page
ANSWERS = {
    "integer": ["7", "-12", "1,234", r"\$15", "70^\\circ", r"50\%", "$9$", "3 cm"],
    "decimal": ["27.0", "-.5", "3.14"],
    "fraction": [r"\frac{1}{2}", r"-\dfrac{3}{4}", "5/6", r"\frac12"],
    "yes/no": ["Yes", "False", r"\text{no}"],
    "letter": ["B", "(C)", r"\text{(D)}", r"\textbf{A}"],
    "list": ["1, 2, 3", r"\{1,2\}", "(2, 4)", "1;2"],
    "interval": ["[0, 1]", "(0, 1]", r"(-\infty, 3)", r"[0,1) \cup (2,\infty)"],
    "equation": ["x = 3", "y=2x+1", r"a \leq b", r"n \in \mathbb{N}"],
    "expression": ["n", "2x+1", r"\sqrt{2}", "e", r"\frac{x}{2}", "f(x,y)", r"\pi", "n!", r"\frac{\sqrt{3}}{2}", "K"],
    "text": ["ellipse", r"\text{no such number}", "Monday"],
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_have_their_forms(kind):
    assert {answer: form("math", answer, None) for answer in ANSWERS[kind]} == dict.fromkeys(ANSWERS[kind], kind)
    assert kind in FORMS


def test_code_is_shown_by_its_tests_and_a_puzzle_by_its_route():
    for kind in ("stdio", "calls", "asserts"):
        assert form("code", "", json.dumps({"kind": kind})) == kind
    assert form("puzzle", "-9=14", None) == "route"


def test_what_a_blind_guess_may_hit():
    hits = ["0", "10", "Yes", "no", "True", "C", "$3$"]
    misses = ["11", "-1", "100", "0.5", "x", "1, 2", "ellipse", r"\frac12"]
    assert [a for a in hits + misses if guessable(form("math", a, None), a)] == hits


ISSUES = [
    {"row": 4, "issue": "broken", "action": "kept", "detail": "answer: a single $", "problem": "Find <b>"},
    {"row": 9, "issue": "contaminated", "action": "dropped", "detail": "equals aime row 3", "problem": "Find"},
]


@pytest.fixture
def card(page, tmp_path):
    """The report with one benchmark of twenty problems in mathematics, its text and its charts."""
    answers = ["7"] * 8 + ["Yes", "B", "11", "100", "1/2", "0.5", "x", "x=1", "1, 2", "[0,1]", "ellipse", "n+1"]
    path = write_problems(tmp_path / "aime.parquet", answers, issues=ISSUES)
    origins = {"aime": {"dataset": "owner/name at 0123", "licence": "CC BY 4.0"}}
    html = page(problems=[path], issues=[path.with_suffix(".issues.parquet")], recipe=[recipe(origins=origins)])
    return section(html, "data"), charts(html)


def test_the_card_counts_what_is_there(card):
    words, _ = card
    assert (
        "aime 20 20 broken kept: 1; contaminated dropped: 1 50.0 7 40.0 11 19 20 s0 3; s1 3; s2 3; s3 3; 3 others"
        " CC BY 4.0 owner/name at 0123"
    ) in words
    assert "train 4 4 none – – 2 2 2 made-up 4 not stated –" in words
    assert "integers from 0 to 10" in words


def test_sources_that_differ_by_problem_are_counted(page, tmp_path):
    path = write_problems(tmp_path / "aime.parquet", ["7"] * 7)
    assert "100.0 4 7 7 7, each with one problem not stated" in section(page(problems=[path]), "data")


def test_the_card_lists_every_issue(card):
    words, _ = card
    assert "Issues of aime: 2 Row Issue Action Detail Problem 4 broken kept answer: a single $ Find <b>" in words
    assert "9 contaminated dropped equals aime row 3 Find" in words


def test_the_card_shows_the_forms(card):
    _, plotted = card
    (chart,) = (chart for chart in plotted if chart["description"] == "forms of answers")
    shares = {(row["set"], row["form"]): row["value"] for row in rows_of(chart)}
    assert shares["aime", "integer"] == 50
    assert shares["train", "route"] == 100
    assert sum(value for (name, _), value in shares.items() if name == "aime") == pytest.approx(100)


def test_long_lists_of_issues_name_their_file(page, tmp_path):
    many = [{**ISSUES[0], "row": row} for row in range(60)]
    path = write_problems(tmp_path / "aime.parquet", ["1"], issues=many)
    words = visible(page(problems=[path], issues=[path.with_suffix(".issues.parquet")]))
    assert f"The first 50 of 60; all are in {path.with_suffix('.issues.parquet')}" in words


def test_a_bos_that_prompts_lack_is_named(page, tmp_path):
    def card_of(**labels):
        path = write_problems(tmp_path / "aime.parquet", ["7"], labels=labels)
        return section(page(problems=[path], issues=[path.with_suffix(".issues.parquet")]), "data")

    assert "begins every text with <|begin|> by itself" in card_of(missing_bos="<|begin|>")
    assert "begins every text" not in card_of(missing_bos=None)
    assert "begins every text" not in card_of()
