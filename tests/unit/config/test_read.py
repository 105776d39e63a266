"""Reading configuration files: no key twice, dates are text, and `--config` reads values as files do."""

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.experiment import VARIANTS, merge, parse_config, read_config
from scope.planning.plan import make_plan
from scope.run.arguments import overrides_in, raw_configuration

DEMO = ROOT / "config/config.yaml"


@pytest.fixture
def write(tmp_path):
    def written(text, encoding="utf-8"):
        path = tmp_path / "mine.yaml"
        path.write_bytes(text.encode(encoding))
        return path

    return written


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("rounds: 1\nrounds: 2\n", ["`rounds`", "lines 1 and 2"]),
        ("update: {ranks: 1}\nrounds: 1\nupdate:\n  learning_rate: 1.0\n", ["`update`", "lines 1 and 3"]),
        ("data:\n  train:\n    path: a\n\n    path: b\n", ["`data.train.path`", "lines 3 and 5"]),
        ("update: {ranks: 1, ranks: 2}\n", ["`update.ranks`", "lines 1 and 1"]),
        ('rounds: 1\n"rounds": 2\n', ["`rounds`", "lines 1 and 2"]),
        ("a:\n  - {b: 1}\n  - b: 1\n    b: 2\n", ["`a.1.b`", "lines 3 and 4"]),
        ('{"rounds": 1,\n "rounds": 2}', ["`rounds`", "lines 1 and 2"]),
    ],
)
def test_a_key_that_is_written_twice_is_refused_with_both_lines(write, text, names):
    with refused("duplicate-key", "mine.yaml", *names):
        read_config(write(text))


def test_the_same_key_in_two_places_or_through_an_anchor_is_no_duplicate(write):
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\nc: *a\nd: {x: {x: 1}}\n"
    assert read_config(write(text)) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 3, "y": 2},
        "c": {"x": 1, "y": 2},
        "d": {"x": {"x": 1}},
    }


def test_dates_are_text(write):
    read = read_config(write("experiment: 2026-11-25\nbetween: {contest_date: [2024-08-01, 2025-02-01T00:00:00]}\n"))
    assert read == {
        "experiment": "2026-11-25",
        "between": {"contest_date": ["2024-08-01", "2025-02-01T00:00:00"]},
    }
    assert parse_config(merge(read_config(DEMO, VARIANTS), {"experiment": read["experiment"]})).experiment


@pytest.mark.parametrize(
    ("text", "encoding", "names"),
    [
        ("rounds: 1\nreport: {title: Übung}\n", "latin-1", ["line 2", "UTF-8"]),
        ("rounds: [1\nseeds: 2", "utf-8", ["line 2, column 6"]),
        ("rounds:\n\t1: 2", "utf-8", ["line 2"]),
        ("- a\n- b\n", "utf-8", ["key: value"]),
        ("just text", "utf-8", ["key: value"]),
        ("a: !!python/name:os.system x\n", "utf-8", ["line 1"]),
        ("? {a: 1}\n: 2\n", "utf-8", ["line 1"]),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(write, text, encoding, names):
    with refused("unreadable-file", "mine.yaml", *names) as caught:
        read_config(write(text, encoding))
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_an_empty_file_are_read(write):
    assert read_config(write("\ufeffrounds: 2\n")) == {"rounds": 2}
    assert read_config(write("# nothing\n")) == {}


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with refused("unreadable-file", tmp_path, "folder"):
        read_config(tmp_path)
    with refused("no-such-file", "absent.yaml"):
        read_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("seeds=[0,1]", "seeds", [0, 1]),
        ("objective={tau: 0.5}", "objective.tau", 0.5),
        ("objective={'tau': 2}", "objective.tau", 2.0),
        ("update={learning_rate: 1e-4}", "update.learning_rate", 1e-4),
        ("evaluation={sampling: {T1: {temperature: 1}}}", "evaluation.every", 2),
        ("experiment=2026-11-25", "experiment", "2026-11-25"),
        ("rounds=2", "rounds", 2),
        ("arms=[opd, grpo]", "arms", ["opd", "grpo"]),
    ],
)
def test_values_on_the_command_line_are_read_as_in_a_file_and_merged_into_it(assignment, key, value):
    found = make_plan(raw_configuration([DEMO], [assignment])).config
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_a_section_that_is_partly_given_keeps_the_rest_of_the_file():
    raw = raw_configuration([DEMO], ["update={ranks: 2}", "update={grad_clip: 0.5}"])
    assert (raw["update"]["ranks"], raw["update"]["grad_clip"], raw["update"]["steps_per_round"]) == (2, 0.5, 10)


def test_without_files_the_demo_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert raw_configuration([], None)["experiment"] == "demo"


def test_a_broken_or_repeated_value_on_the_command_line_is_named():
    with refused("unreadable-file", "--config objective={tau: 0.5"):
        overrides_in(["objective={tau: 0.5"])
    with refused("duplicate-key", "--config objective=", "`tau`"):
        overrides_in(["objective={tau: 1, tau: 2}"])
    assert overrides_in(["experiment=a\tb: [", "rounds="]) == {"experiment": "a\tb: [", "rounds": None}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"rollout": {"temprature": 1}}, ["`rollout.temprature`", "did you mean `temperature`"]),
        ({"updates": {}}, ["`updates`", "did you mean `update`"]),
        ({"rollout": {"xyz": 1}}, ["`rollout.xyz`; allowed here: engine"]),
    ],
)
def test_an_unknown_key_comes_with_the_one_that_was_meant(change, names):
    with refused("invalid-configuration", *names):
        parse_config(merge(read_config(DEMO, VARIANTS), change))


def test_an_incomplete_configuration_shows_how_to_add_it_to_another(write):
    with refused("invalid-configuration", "`data` is missing", "--configfile config/config.yaml mine.yaml"):
        make_plan(read_config(VARIANTS, write("objective: {tau: 0.5}\n")))


@pytest.mark.parametrize("value", [{1, 2}, b"x", {("a", "b"): 1}])
def test_a_value_that_no_setting_can_have_is_one_line(value):
    with refused("invalid-configuration", "text, numbers"):
        parse_config(merge(read_config(DEMO, VARIANTS), {"rounds": value}))
