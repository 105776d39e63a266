"""What an arm may start from."""

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.experiment import VARIANTS, merge, parse_config, read_config


@pytest.fixture
def raw():
    return read_config(VARIANTS, ROOT / "config/config.yaml")


@pytest.mark.parametrize(
    ("starts", "parts"),
    [
        ({"b": ("kd", 1)}, ["variants.b", "start.arm is kd", "add it to `arms`"]),
        ({"b": ("a", 4)}, ["variants.b", "start.round is 4", "`rounds` is 3"]),
        ({"b": ("b", 1)}, ["variants.b", "b, b", "start: null"]),
        ({"a": ("c", 1), "b": ("a", 1), "c": ("b", 1)}, ["variants.a", "a, c, b, a"]),
    ],
)
def test_an_arm_starts_from_a_policy_that_is_made(raw, starts, parts):
    raw = merge(raw, {"rounds": 3, "arms": ["a", "b", "c"], "variants": {"a": {}, "b": {}, "c": {}}})
    for arm, (other, round_) in starts.items():
        raw["variants"][arm] = {"start": {"arm": other, "round": round_}}
    with refused("no-such-start", *parts):
        parse_config(raw)


def test_starts_may_form_a_chain(raw):
    variants = {"b": {"start": {"arm": "a", "round": 3}}, "c": {"start": {"arm": "b", "round": 1}}}
    parse_config(merge(raw, {"rounds": 3, "arms": ["c", "a", "b"], "variants": {"a": {}, **variants}}))
