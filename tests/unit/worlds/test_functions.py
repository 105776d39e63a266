"""Functions: problems are disjoint and reproducible; right bodies pass in the sandbox, every neighbouring one fails."""

import json
import random
from itertools import islice

import pytest

from needs_sandbox import sandboxed
from refusals import refused
from scope.models.tokenizers import bpe_tokenizer
from scope.prompts.generated import function_rows
from scope.verify.code.blocks import last_program
from scope.verify.code.tests import humaneval
from scope.verify.registry import verify_rows
from scope.worlds import functions
from scope.worlds.examples import examples
from scope.worlds.operations import OPERATIONS, Step, apply
from scope.worlds.recipe import FunctionsSettings, WorldSettings

SETTINGS = FunctionsSettings(operations=[1, 2, 3], prompts=50, problems=20, seed=3)
WORLD = WorldSettings(puzzle=None, functions=SETTINGS, word_problems=None)


def some(count, seed=0):
    return list(islice(functions.problems(seed, [1, 2, 3]), count))


def fails(steps, check):
    """Whether a body raises or is refused by the tests, in this very process, for it is our own."""
    names = {}
    kind = steps[0].takes
    exec(f"def {functions.NAME}({kind}):\n{functions.write_body(steps)}{check}", names)
    try:
        names["check"](names[functions.NAME])
    except Exception:
        return True
    return False


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.takes}: {operation.phrase}")
def test_every_form_of_an_operation_gives_the_same(operation):
    for constant in operation.constants:
        step = Step(operation, constant)
        for value in functions.arguments(operation.takes):
            results = [repr(eval(form, {operation.takes: value})) for form in step.forms]
            assert set(results) == {repr(apply(step, value))}


def test_no_operation_can_be_left_out_and_each_neighbour_fails_an_assertion():
    for problem in some(60):
        check = functions.write_check(problem)
        assert not fails(problem.steps, check)
        others = functions.wrong_neighbours(problem.steps)
        assert len(others) >= len(problem.steps)
        assert all(fails(other, check) for other in others)
        assert f"candidate({problem.example!r})" not in check


def test_held_out_training_and_supervised_functions_are_disjoint():
    held_out, train = ({row["answer"] for row in function_rows(SETTINGS, split)} for split in ("test", "train"))
    supervised = {last_program(response).rstrip("\n") for _, response in islice(examples(WORLD, 1.0, 0), 400)}
    assert (len(held_out), len(train)) == (20, 50)
    assert not held_out & train
    assert not supervised & {answer.rstrip("\n") for answer in held_out | train}


def test_problems_are_reproducible_and_end_with_a_message():
    assert some(50) == some(50)
    assert some(50) != some(50, seed=1)
    with refused("too-few-functions", "data.functions", "[1] operations"):
        list(functions.problems(0, [1]))


def test_the_narrow_teacher_sees_one_body_the_student_many():
    canonical, varied = (list(islice(examples(WORLD, share, 0), 100)) for share in (1.0, 0.0))
    assert not any(
        form in response for form in ("max(n, -n)", "0 - n", "list(", "[x ** 2") for _, response in canonical
    )
    assert sum(form in response for form in ("max(n, -n)", "0 - n", "list(", "[x ** 2") for _, response in varied) > 10


def test_the_tokenizer_writes_them_and_a_response_is_one_closed_block():
    pairs = list(islice(examples(WORLD, 0.0, 0), 50))
    tokenizer = bpe_tokenizer((prompt + response for prompt, response in pairs), 400)
    for prompt, response in pairs:
        assert tokenizer.decode(tokenizer(response, add_special_tokens=False)["input_ids"]) == response
        assert response == f"```python\n{last_program(response).rstrip()}\n```"
        compile(prompt + last_program(response), "body", "exec")


@sandboxed
@pytest.mark.real
def test_right_bodies_pass_in_the_sandbox_and_wrong_ones_do_not():
    rng, rows, expected = random.Random(0), [], []
    for problem in some(10):
        prompt = functions.write_prompt(problem)
        tests = json.dumps(humaneval(prompt, functions.write_check(problem), functions.NAME))
        wrong = functions.write_body(rng.choice(functions.wrong_neighbours(problem.steps)))
        bodies = [functions.write_body(problem.steps), functions.write_body(problem.steps, rng), wrong]
        rows += [("code", prompt, functions.write_response(body), "", tests) for body in bodies]
        rows.append(("code", prompt, f"```python\n{prompt}{bodies[0]}```", "", tests))
        expected += [True, True, False, True]
    verdicts = verify_rows(rows)
    assert [verdict.correct for verdict in verdicts] == expected
    assert {verdict.reason for verdict in verdicts if not verdict.correct} <= {"wrong", "raised"}
