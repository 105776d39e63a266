"""Coins: problems are solvable, disjoint and reproducible; routes are valid; the tokenizer holds them."""

from itertools import islice

import pytest

from refusals import refused
from scope.models.tokenizers import character_tokenizer
from scope.prompts.generated import puzzle_rows
from scope.verify.coins import verify_puzzle
from scope.verify.registry import VERIFIERS
from scope.worlds.coins import canonical_route, parse, problems, routes, write_route
from scope.worlds.examples import examples
from scope.worlds.recipe import PuzzleSettings, WorldSettings

SETTINGS = PuzzleSettings(digits=5, spend=[2, 3], prompts=50, problems=20, seed=3)
WORLD = WorldSettings(puzzle=SETTINGS, functions=None, word_problems=None)


def test_the_design_example():
    assert parse("93865=23:") == ([9, 3, 8, 6, 5], 23)
    assert (9, 8, 6) in routes("93865=23:")
    assert write_route("93865=23:", (9, 8, 6)) == "-9=14;-8=6;-6=0"
    assert canonical_route("93865=23:") == (9, 8, 6)


def test_a_generator_that_runs_out_of_problems_is_refused():
    with refused("too-few-problems", "data.puzzle", "2 digits"):
        list(islice(problems(0, 2, [1]), 162))


def test_every_route_of_every_problem_is_correct():
    for problem in islice(problems(1, 5, [3]), 50):
        found = routes(problem)
        assert len(found) == len(set(found)) > 1
        for route in found:
            assert verify_puzzle(write_route(problem, route), problem).correct


def test_routes_are_all_there_are():
    assert set(routes("12345=5:")) == {(5,), (1, 4), (4, 1), (2, 3), (3, 2)}
    assert canonical_route("12345=5:") == (5,)


def test_problems_are_distinct_and_reproducible():
    first = list(islice(problems(7, 5, [2, 3]), 300))
    assert len(set(first)) == 300
    assert first == list(islice(problems(7, 5, [2, 3]), 300))
    assert first != list(islice(problems(8, 5, [2, 3]), 300))


def test_held_out_training_and_supervised_problems_are_disjoint():
    held_out = {row["problem"] for row in puzzle_rows(SETTINGS, "test")}
    train = {row["problem"] for row in puzzle_rows(SETTINGS, "train")}
    supervised = {problem for problem, _ in islice(examples(WORLD, 0.5, 0), 100)}
    assert len(held_out) == 20
    assert len(train) == 50
    assert not held_out & train
    assert not supervised & (held_out | train)


def test_the_narrow_teacher_sees_one_route_the_student_many():
    canonical = list(islice(examples(WORLD, 1.0, 0), 50))
    assert all(response == write_route(p, canonical_route(p)) for p, response in canonical)
    varied = list(islice(examples(WORLD, 0.0, 0), 50))
    assert 0 < sum(response != write_route(p, canonical_route(p)) for p, response in varied) < 50


def test_the_character_tokenizer_round_trips_and_has_17_entries():
    tokenizer = character_tokenizer()
    text = "93865=23:-9=14;-8=6;-6=0"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(tokenizer) == 17
    assert len(ids) == len(text)
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids) == text


def test_the_puzzle_has_an_entry_in_the_verdict_registry():
    assert {"puzzle", "math"} <= set(VERIFIERS)


@pytest.mark.parametrize("response", ["", "-9=14", "-9=14;-9=5;-5=0", "-9=14;-8=6;-6=0;"])
def test_wrong_responses_are_not_correct(response):
    assert not verify_puzzle(response, "93865=23:").correct
