"""Documents and project files name only what exists."""

import re
import subprocess

import pytest
import yaml

from conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("config/*.md")])
PLACES = "(?:scripts|tests|docs|config|workflow|envs|dev|profiles)"


def named_paths(text):
    """Paths from the root that a text names in backticks; those with placeholders are patterns, not paths."""
    found = re.findall(rf"`({PLACES}/[\w./-]+)`", text)
    return {path for path in found if not re.search(r"\b[A-Z]{3,}\b", path)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_and_links_lead_to_files(document):
    text = document.read_text()
    links = {link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)}
    missing = {link for link in links if not (document.parent / link).exists()}
    missing |= {path for path in named_paths(text) if not (ROOT / path).exists()}
    assert missing == set()


def test_make_targets_that_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    workflow = ROOT / ".github/workflows/ci.yml"
    for document in [*DOCUMENTS, workflow]:
        named = set(re.findall(r"(?:`|^ {4}|run: )make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, document.name


def test_ci_runs_the_script_that_installs_what_tests_need():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert {"make check", ".ci/run"} <= set(commands)
    assert "make test\n" in (ROOT / ".ci/run").read_text()


def test_pre_commit_calls_tools_of_the_environment_only():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        done = subprocess.run([*hook["entry"].split(), "--help"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, hook["id"]


def test_the_citation_names_the_licence_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == (ROOT / "LICENSE").read_text().split()[0]
    assert "2604.10688" in citation["references"][0]["url"]
