"""An edit of a verifier makes verdicts again and nothing that does not follow from them: real runs and dry runs.

No sampling of benchmarks follows from it, and prompts do only when the check of their rows finds something else.
"""

import contextlib
import json
import re

import pytest

from flows import checkout, digests, snakemake, would_run
from scope.artifacts import parquet
from scope.artifacts.schemas.prompts import PROMPTS

pytestmark = pytest.mark.real
COINS = ("--configfile", "tests/configs/smallest.yaml")
MATH = (*COINS, "tests/configs/math.yaml")
UNITS = "scripts/scope/verify/math/units.py"
VERIFY = "scripts/scope/verify/math/verify.py"
PROMPTS_FILE = "results/math/shared/prompts/train.parquet"
BASE = "shared/evaluate/base/summary.md"
# Rows are checked and all verdicts given again, and what is trained with verdicts follows. Samples of the base policy
# and of the teacher, prompts, models and rollouts of round 1 stay; the arm's policy is another one, so it is sampled.
ROUNDS = {"weigh": 2, "update": 2, "rollout": 1, "verify": 1, "score": 1, "evaluate": 1, "grade": 1, "report": 1}
AFTER_AN_EDIT = ROUNDS | dict.fromkeys(["check_rows", "check_problems", "verify_shared", "score_shared"], 1)
AFTER_AN_EDIT |= {"grade_shared": 2}


def write_rows(folder):
    (folder / "rows").mkdir()
    rows = [{"problem": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(12)]
    for name, chosen in (("train", rows[:8]), ("held_out", rows[8:])):
        (folder / f"rows/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))


@contextlib.contextmanager
def edited(path, before="", after="UNUSED = 1\n"):
    """A file with a piece of text replaced, or a line added at its end, and put back in the end."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1) if before else f"{text}\n\n{after}")
    try:
        yield
    finally:
        path.write_text(text)


@pytest.fixture(scope="module")
def math(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("math"))
    write_rows(folder)
    snakemake(folder, *MATH)
    return folder


def ran(output):
    """Rules that a run executed."""
    return set(re.findall(r"^(?:local)?(?:rule|checkpoint) ([a-z_]+):$", output, re.M))


def test_a_line_in_the_units_of_mathematics_reruns_nothing_on_coins(smallest):
    with edited(smallest / UNITS):
        assert would_run(smallest, *COINS) == {}


def test_a_line_in_the_verifier_of_coins_samples_no_benchmark_again(smallest):
    with edited(smallest / "scripts/scope/verify/coins.py"):
        assert would_run(smallest, *COINS, "--", f"results/smallest/{BASE}") == {"grade_shared": 1, "summary": 1}
        once = dict.fromkeys(["weigh", "update", "evaluate", "grade", "report"], 1)
        twice = dict.fromkeys(["verify_shared", "score_shared", "grade_shared"], 2)
        assert would_run(smallest, *COINS) == once | twice


@pytest.mark.slow
def test_a_finished_world_of_mathematics_does_nothing(math):
    assert would_run(math, *MATH) == {}


@pytest.mark.slow
def test_a_line_in_the_units_of_mathematics_makes_verdicts_again_and_no_prompts(math):
    with edited(math / UNITS):
        assert would_run(math, *MATH) == AFTER_AN_EDIT
        assert would_run(math, *MATH, "--", f"results/math/{BASE}") == {
            "check_problems": 1,
            "grade_shared": 1,
            "summary": 1,
        }


@pytest.mark.slow
def test_a_check_that_finds_the_same_makes_no_prompts_again(math):
    """A real run: jobs are planned again when the checks are done, and nothing else is added."""
    with edited(math / UNITS):
        before = digests(math)
        output = snakemake(math, *MATH, "--", f"results/math/{BASE}", PROMPTS_FILE)
        assert ran(output) == {"check_rows", "check_problems", "grade_shared", "summary"}
        after = digests(math)
        checked = ["check_rows", "check_problems", "grade_shared"]
        left = {rule: count for rule, count in AFTER_AN_EDIT.items() if rule not in checked}
        assert would_run(math, *MATH) == left | {"grade_shared": 1}
    stay = [path for path in before if re.search(r"/(prompts|problems|models)/|/check_.*json$|base/.*samples", path)]
    assert len(stay) > 8
    assert {path: after[path] for path in stay} == {path: before[path] for path in stay}


@pytest.mark.slow
def test_a_check_that_finds_something_else_makes_prompts_again_in_the_same_run(math):
    gold = "    box = last_box(response)\n"
    with edited(math / VERIFY, gold, f'{gold}    box = None if box == "8" else box\n'):
        assert ran(snakemake(math, *MATH, "--", PROMPTS_FILE)) == {"check_rows", "prompts"}
        left = parquet.read(math / PROMPTS_FILE, PROMPTS)["answer"]
        assert sorted(left, key=int) == ["0", "2", "4", "6", "10", "12", "14"]
        planned = would_run(math, *MATH)
        assert planned.keys() >= {"rollout_shared", "verify_shared", "check_teacher", "update"}
        assert not planned.keys() & {"model", "evaluate_shared", "prompts", "problems"}


@pytest.mark.slow
def test_nothing_of_another_domain_is_in_a_recipe(math):
    scripts = {
        parquet.metadata(file)["recipe"]["script"]
        for file in (math / "results").rglob("*.parquet")
        if file.parent.name == "verify" or (re.fullmatch(r"\d+", file.stem) and "evaluate" in file.parts)
    }
    assert scripts == {"verify_math.py"}
