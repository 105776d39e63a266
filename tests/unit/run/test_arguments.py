"""The arguments of Snakemake, as programs that start it read them."""

import subprocess
import sys

import pytest

from conftest import ROOT
from refusals import refused
from scope.run.arguments import (
    asks_for_all,
    check_configfiles,
    check_folder,
    configfiles_of,
    configuration_of,
    overrides_in,
    parse,
    without_targets,
)


@pytest.fixture(autouse=True)
def in_project(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["-n"], ["config/config.yaml"]),
        (["--configfile=mine.yaml"], ["mine.yaml"]),
        (["--configfile", "a", "b", "--dry-run"], ["a", "b"]),
        (["--configfiles", "a", "b"], ["a", "b"]),
        (["--configfile", "a", "b", "--", "target"], ["a", "b"]),
        (["target", "--configfile", "a", "-n"], ["a"]),
    ],
)
def test_configuration_files_are_those_that_snakemake_reads(words, files):
    args = parse(words)
    assert configfiles_of(args) == files
    assert list(args.targets) == (["target"] if "target" in words else [])


def test_options_of_a_profile_are_read(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "configfile: [config/config.yaml, tests/configs/smallest.yaml]\nconfig: {rounds: 3}\n"
    )
    args = parse(["--workflow-profile", str(tmp_path), "--config", "experiment=mine"])
    assert configfiles_of(args) == ["config/config.yaml", "tests/configs/smallest.yaml"]
    assert configuration_of(args).experiment == "mine"
    args = parse(["--workflow-profile", str(tmp_path)])
    assert configuration_of(args).rounds == 3
    args = parse(["--workflow-profile", str(tmp_path), "--configfile=config/config.yaml"])
    assert configfiles_of(args) == ["config/config.yaml"]


def test_assignments_on_the_command_line_lie_over_the_files():
    words = ["--configfile=tests/configs/smallest.yaml", "--config", "experiment=mine", "rounds=7", "arms=[opd]"]
    config = configuration_of(parse(words))
    assert (config.experiment, config.rounds, config.arms) == ("mine", 7, ["opd"])
    nested = configuration_of(parse([*words, "objective={student_weight: uniform}"]))
    assert nested.objective == config.objective.model_copy(update={"student_weight": "uniform"}) != config.objective
    assert configuration_of(parse([*words, "update={ranks: 2}"])).update.ranks == 2
    assert overrides_in(None) == {}


@pytest.mark.parametrize(("word", "message"), [("rounds", "name=value"), ("9x=1", "identifier")])
def test_an_assignment_that_snakemake_would_refuse_is_bad_input(word, message):
    with refused("invalid-argument", f"--config {word}", message):
        overrides_in([word])


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["a", "b", "--configfile", "c", "-n"], ["--configfile", "c", "-n"]),
        (["--configfile", "a", "b", "--", "target"], ["--configfile", "a", "b"]),
        (["all", "--until", "all", "--cores", "1"], ["--until", "all", "--cores", "1"]),
        (["--configfile=mine.yaml", "-n"], ["--configfile=mine.yaml", "-n"]),
        (["a"], []),
    ],
)
def test_targets_are_distinguished_from_values_of_options(words, options):
    assert without_targets(words) == options


def test_a_configuration_file_is_looked_for_where_the_workflow_runs(tmp_path, monkeypatch):
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for place in (folder, elsewhere):
        place.mkdir()
    (elsewhere / "mine.yaml").write_text("rounds: 1", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    check_configfiles(["--configfile", str(elsewhere / "mine.yaml"), "--cores", "1"], folder)
    check_configfiles(["--cores", "1"], folder)
    with refused("no-such-file", "mine.yaml", folder, f"write {elsewhere / 'mine.yaml'}"):
        check_configfiles(["--configfile", "mine.yaml"], folder)
    with refused("no-such-file", "absent.yaml", folder):
        check_configfiles(["--configfile", "absent.yaml"], folder)
    (folder / "mine.yaml").write_text("rounds: 1\nrounds: 2", encoding="utf-8")
    with refused("duplicate-key", "mine.yaml"):
        check_configfiles(["--configfile=mine.yaml"], folder)
    with refused("unreadable-file", "folder"):
        check_configfiles(["--configfile", "."], folder)


@pytest.mark.real
@pytest.mark.parametrize("script", ["run.py", "why.py"])
def test_a_missing_configuration_file_is_one_line(script):
    command = [sys.executable, ROOT / "scripts" / script, "--cores", "1", "--configfile", "absent.yaml"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("error: absent.yaml: no such configuration file")


def test_a_project_folder_with_braces_is_refused(tmp_path):
    check_folder(tmp_path / "a folder")
    with refused("invalid-name", "p{q}", "rename or move"):
        check_folder(tmp_path / "p{q}")


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ([], True),
        (["all"], True),
        (["-n", "--configfile", "a.yaml", "b.yaml"], True),
        (["results/x/report.html"], False),
    ],
)
def test_a_target_is_not_the_whole_experiment(words, whole):
    assert asks_for_all(["--cores", "2", *words]) == whole
