"""Errors of a configuration name the file that gave the value: one of several, or --config."""

import pytest
import yaml

from conftest import ROOT
from refusals import refused
from scope.config.experiment import arm_config, open_config
from scope.planning.plan import make_plan
from scope.run.arguments import raw_configuration

DEMO = ROOT / "config/config.yaml"


@pytest.fixture
def files(tmp_path):
    """Configuration files of a name and content each; gives their paths."""

    def write(**contents):
        for name, content in contents.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        return [tmp_path / f"{name}.yaml" for name in contents]

    return write


def first_words(paths, *assignments, code="invalid-configuration"):
    """The start of the message's lines, where they name files."""
    with refused(code) as caught:
        make_plan(raw_configuration([DEMO, *paths], assignments))
    return [line.split(": ")[0] for line in str(caught.value).splitlines()]


def test_each_wrong_value_comes_with_the_file_that_gave_it(files):
    one, other = files(one={"rounds": "six", "rollout": {"n": 0}}, other={"rollout": {"tempo": 1}})
    assert sorted(first_words([one, other])) == sorted([str(one), str(one), str(other)])


def test_the_last_file_counts_and_the_command_line_last_of_all(files):
    one, other = files(one={"rollout": {"n": 0}}, other={"rollout": {"n": -1}})
    assert first_words([one, other]) == [str(other)]
    assert first_words([other, one]) == [str(one)]
    assert first_words([one], "rollout={n: -1}") == ["--config"]


def test_a_section_that_a_file_takes_away_gives_nothing_any_more(files):
    one, other = files(one={"models": {"student": {"sft": None}}}, other={"models": {"student": {"sft": {"batch": 1}}}})
    assert set(first_words([one, other])) == {str(other)}


def test_keys_that_do_not_fit_together_name_all_files_that_have_them(files):
    one, other = files(one={"update": {"schedule": "constant"}}, other={"update": {"prompts_per_step": 1000}})
    assert first_words([one]) == [f"config/config.yaml, {one}"]
    assert first_words([other]) == [f"config/config.yaml, {other}"]


def test_a_variant_is_named_with_its_file(files):
    (one,) = files(one={"variants": {"hot": {"rollout": {"temperature": "hot"}}}, "arms": ["hot"]})
    with refused("invalid-configuration", f"{one}: variants.hot: `rollout.temperature` is 'hot'; write a number"):
        make_plan(raw_configuration([DEMO, one], None))


def test_a_value_outside_a_variant_that_spoils_it_is_named(files):
    one, other = files(
        one={"objective": {"mode": "released"}}, other={"variants": {"x": {"objective": {"kl": "full"}}}, "arms": ["x"]}
    )
    with refused("invalid-configuration", f"{other}: variants.x: "):
        open_config(DEMO, one, other, overrides={"logprob_temperature": {"teacher": 1.0}})


def test_renamed_keys_and_unknown_arms_come_with_their_file(files):
    one, other = files(one={"data": {"ngram": 8}}, other={"arms": ["scop"]})
    assert first_words([one, other], code="renamed-key") == [str(one)]
    assert first_words([other], code="no-such-arm") == [str(other)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"variants": {"a=1": {}}}, "invalid-name"),
        ({"variants": {"shared": {}}, "arms": ["shared"]}, "reserved-name"),
        ({"variants": {"x": {"rounds": 2}}, "arms": ["x"]}, "not-per-arm"),
        ({"variants": {"x": {"teacher": {"backend": "managed"}}}, "arms": ["x"]}, "not-per-arm"),
        ({"grid": {"axes": {"r": {"key": "rounds", "values": [1, 2]}}}}, "not-per-arm"),
        ({"grid": {"axes": {"t": {"key": "objective.tau", "values": ["a b"]}}}}, "invalid-name"),
        ({"grid": {"axes": {"t": {"key": "objective.tau", "values": {1: 2}}}}}, "unquoted-label"),
        ({"grid": {"axes": {"t": {"key": "objective.tau", "values": [-1]}}}}, "invalid-configuration"),
        ({"grid": {"axes": {n: {"key": "objective.tau", "values": [1]} for n in "ab"}}}, "overlapping-axes"),
    ],
)
def test_errors_of_variants_and_grids_come_with_their_file(files, content, code):
    (one,) = files(one=content)
    assert first_words([one], code=code) == [str(one)]


def test_a_configuration_that_was_not_read_from_files_has_no_file():
    with refused("no-such-arm", "config: "):
        arm_config({}, "x")


def test_all_choices_of_a_value_of_two_kinds_are_listed(files):
    (one,) = files(one={"logprob_temperature": {"student": "rolout"}})
    with refused("invalid-configuration", "`logprob_temperature.student` is 'rolout'; write 'rollout' or a number"):
        open_config(DEMO, one)
