"""Experiments whose disk use is projected."""

from functools import cache

from conftest import ROOT
from scope.config.experiment import arm_config, merge, read_config
from scope.planning.disk import project

VARIANTS = ROOT / "config/variants.yaml"
WORLDS = {"demo": ROOT / "config/config.yaml", "smallest": ROOT / "tests/configs/smallest.yaml"}
MADE = {"student": None, "teacher": None}
ONE_STEP = {"steps_per_round": 1}  # no checkpoints


@cache
def shipped(name):
    return read_config(WORLDS[name], VARIANTS)


def world(name="demo", **sections):
    """The raw configuration of a shipped world with sections laid over it."""
    return merge(shipped(name), sections)


def projected(*arms, raw=None, models=MADE, **sections):
    """The projection of the named arms."""
    raw = merge(raw or world(), sections)
    return project({arm: arm_config(raw, arm) for arm in arms}, models)
