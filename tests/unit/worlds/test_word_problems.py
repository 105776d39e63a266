"""Word problems: stories are disjoint and reproducible, and worked solutions are verified as right answers."""

import random
from itertools import islice

import pytest

from refusals import refused
from scope.prompts.generated import generated_rows
from scope.verify.registry import verify_rows
from scope.worlds import word_problems
from scope.worlds.examples import examples
from scope.worlds.recipe import WordProblemsSettings, WorldSettings
from scope.worlds.word_problems import Problem, write_problem, write_solution

WORLD = WorldSettings(
    puzzle=None,
    functions=None,
    word_problems=WordProblemsSettings(steps=[1, 2, 3], prompts=50, problems=20, seed=3),
)
BOXES = Problem("Ben", "eggs", 3, 4, (("gives away {k}", -5),))


def some(count, seed=0, steps=(1, 2, 3)):
    return list(islice(word_problems.problems(seed, list(steps)), count))


def test_a_story_with_its_solution():
    assert write_problem(BOXES) == (
        "Ben has 3 boxes with 4 eggs in each. Then Ben gives away 5. How many eggs does Ben have now?"
    )
    assert write_solution(BOXES) == "3 * 4 = 12. 12 - 5 = 7. The answer is \\boxed{7}."
    assert BOXES.answer == 7
    loose = Problem("Iris", "books", 1, 9, (("buys {k} more", 2),))
    assert write_problem(loose) == "Iris has 9 books. Then Iris buys 2 more. How many books does Iris have now?"
    wordings = {write_solution(loose, random.Random(seed)) for seed in range(20)}
    assert wordings == {
        "9 + 2 = 11. The answer is \\boxed{11}.",
        "We calculate 9 + 2 = 11. So Iris has \\boxed{11} books.",
    }


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_a_solution_has_as_many_equations_as_steps_all_right_and_nothing_is_negative(steps):
    for problem in some(300, steps=[steps]):
        equations = write_solution(problem).removesuffix(f". The answer is \\boxed{{{problem.answer}}}.").split(". ")
        assert len(equations) == steps
        for equation in equations:
            left, result = equation.split(" = ")
            assert eval(left) == int(result) >= 0


def test_worked_solutions_are_verified_and_a_wrong_number_is_not():
    rng, problems = random.Random(0), some(30)
    rows = [("math", write_problem(p), write_solution(p, rng), str(p.answer)) for p in problems]
    rows += [("math", write_problem(p), write_solution(p, rng), str(p.answer + 1)) for p in problems]
    assert [verdict.correct for verdict in verify_rows(rows)] == [True] * 30 + [False] * 30


def test_held_out_training_and_supervised_problems_are_disjoint():
    (held_out, domain, where), (train, *_) = (generated_rows(WORLD, split) for split in ("test", "train"))
    assert (domain, where) == ("math", "data.word_problems")
    held_out, train = ({row["problem"] for row in rows} for rows in (held_out, train))
    assert (len(held_out), len(train)) == (20, 50)
    supervised = {problem for problem, _ in islice(examples(WORLD, 1.0, 0), 400)}
    assert len(supervised) > 300
    assert not (held_out & train) | (supervised & (held_out | train))


def test_problems_are_reproducible_and_end_with_a_message():
    assert some(50) == some(50)
    assert some(50) != some(50, seed=1)
    one = word_problems.sample_problem(random.Random(0), [1], set())
    with refused("too-few-problems", "data.word_problems", "[1] steps"):
        word_problems.sample_problem(Same(), [1], {one})


class Same(random.Random):
    """Always as freshly seeded: each problem is the same one."""

    def choice(self, options):
        self.seed(0) if options == [1] else None
        return super().choice(options)
