"""A step is the same on one rank and on several, whatever is sharded."""

import pytest
from torch.testing import assert_close

from ranks import on_ranks
from scope.update.state import WEIGHT
from trainers import ARMS, gradients, make_batch, make_trainer, whole_state, without_costs, zero
from worlds import tiny_model

pytestmark = pytest.mark.usefixtures("rank_server")

CHOSEN = ["scope", "opd", "scope, full KL", "grpo", "kd"]


def steps(stage):
    """{arm: (metrics of a step, gradient as AdamW saw it, weights after it)}"""
    made = {}
    for arm in CHOSEN:
        objective, teacher = ARMS[arm], tiny_model(2)
        trainer = make_trainer(tiny_model(1), objective, teacher, deepspeed=zero(stage))
        (metrics,) = map(without_costs, trainer.run_round(make_batch(objective, tiny_model(1), teacher), 0))
        weights = {name: parts[WEIGHT] for name, parts in whole_state(trainer)[0].items()}
        made[arm] = metrics, gradients(trainer), weights
    return made


@pytest.fixture(scope="module")
def alone():
    (made,) = on_ranks(1, steps, 0)
    return made


@pytest.mark.real
@pytest.mark.parametrize(("world", "stage"), [(2, 1), (2, 3), (3, 0), (3, 2)])
def test_a_step_does_not_depend_on_the_number_of_ranks(world, stage, alone):
    for made in on_ranks(world, steps, stage):
        for arm, (metrics, gradient, weights) in made.items():
            expected_metrics, expected_gradient, expected_weights = alone[arm]
            assert metrics == pytest.approx(expected_metrics, rel=1e-4, abs=1e-6), arm
            assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
            assert_close(weights, expected_weights, rtol=0, atol=1e-5)
