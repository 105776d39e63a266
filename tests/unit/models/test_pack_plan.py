"""Best fit: full packs, none over the budget, and alike ones for ranks that take turns."""

import random

import pytest

from scope.models.pack_plan import log_long_rows, plan_packs


def sizes(packs, lengths):
    return [sum(lengths[index] for index in pack) for pack in packs]


@pytest.mark.parametrize("budget", [1, 7, 30, 10**6])
def test_every_row_is_in_one_pack_and_only_a_longer_row_exceeds_the_budget(budget):
    rng = random.Random(0)
    lengths = [rng.randint(1, 20) for _ in range(50)]
    packs = plan_packs(lengths, budget)
    assert sorted(index for pack in packs for index in pack) == list(range(50))
    for pack, size in zip(packs, sizes(packs, lengths), strict=True):
        assert size <= budget or len(pack) == 1
    assert plan_packs([], budget) == []


@pytest.mark.parametrize("seed", range(3))
def test_packs_are_full(seed):
    """Rows of 20 to 1,000 tokens in packs of 4,096: 1 in 100 tokens stays free, and the last pack."""
    rng = random.Random(seed)
    lengths = [rng.randint(20, 1000) for _ in range(500)]
    packs = plan_packs(lengths, 4096)
    assert len(packs) <= sum(lengths) / 4096 * 1.01 + 1


def test_packs_with_most_attention_come_first_so_that_two_ranks_get_alike_ones():
    rng = random.Random(0)
    lengths = [rng.choice([50, 100, 2000]) for _ in range(200)]
    costs = [sum(lengths[index] ** 2 for index in pack) for pack in plan_packs(lengths, 4096)]
    assert costs == sorted(costs, reverse=True)
    assert sum(costs[0::2]) == pytest.approx(sum(costs[1::2]), rel=0.1)


def test_rows_longer_than_a_pack_are_logged_once(capsys):
    log_long_rows([10, 3000, 12_288, 512], 512)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "2 of 4 rows exceed 512 tokens, up to 12,288" in said
    log_long_rows([10, 512], 512)
    log_long_rows([10, 512], 1)
    assert capsys.readouterr().err == ""
