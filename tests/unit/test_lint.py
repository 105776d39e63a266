"""The house format: ruff, pyright, snakefmt, Snakemake's linter; and what must never stand in the project."""

import re
import runpy
import subprocess
import sys
from collections import Counter

import pytest

from conftest import BIN, ROOT, run


@pytest.mark.real
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["pyright"],
        ["snakefmt", "--check", "Snakefile", "workflow/rules"],
        ["snakemake", "--lint"],
    ],
    ids=" ".join,
)
def test_linter(command):
    done = run(BIN / command[0], *command[1:], check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [
        ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file() and not (ROOT / name).is_symlink()
    ]


def test_files_stay_small_enough_to_read_in_one_sitting():
    limits = {".py": 250, ".smk": 180}
    long = {
        f.name: n
        for f in tracked()
        if f.suffix in limits and "tests" not in f.parts
        if (n := len(f.read_text().splitlines())) > limits[f.suffix]
    }
    assert long == {}


def test_no_path_of_one_machine_and_no_secret_stands_in_the_project():
    pattern = re.compile(r"/(root|home/\w+|work)/\w|sk-[A-Za-z0-9]{20}|trust_remote_code=True|0\.0\.0\.0")
    found = [
        f"{file.name}: {line}"
        for file in tracked()
        if file.name != "test_lint.py"
        for line in file.read_text(errors="ignore").splitlines()
        if pattern.search(line)
    ]
    assert found == []


def test_names_of_test_modules_are_unique():
    """pytest imports test modules by their base names: of two with the same name, the second is an error."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


COMMANDS = sorted({*ROOT.glob("scripts/*.py"), *ROOT.glob("dev/*.py")} - {ROOT / "dev/library.py"})


@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: path.stem)
def test_every_command_line_explains_itself(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    shown = capsys.readouterr().out
    assert ended.value.code in (0, None)
    assert "usage:" in shown
    assert len(shown.splitlines()) > 5
