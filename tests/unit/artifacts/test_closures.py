"""What each stage may import, and so whose edits run it again."""

import pytest

from conftest import ROOT
from scope.artifacts import fingerprint
from scope.artifacts.stages import STAGES

SCRIPTS = ROOT / "scripts"
# Modules of scope/ itself that every stage has.
GROUND = {"errors", "cli"}
# Packages and modules of scope/ that a stage may import beside the ground and artifacts/.
BUDGET = {
    "tokenizer": {"models", "prompts", "verify", "worlds", "seeds"},
    "model": {"models"},
    "sft": {"models", "prompts", "verify", "worlds", "seeds"},
    "check_teacher": {"models", "rollout", "score"},
    "check_rows": {"prompts", "verify"},
    "prompts": {"models", "prompts", "verify", "worlds", "seeds"},
    "rollout": {"models", "prompts", "rollout", "seeds"},
    "verify_math": {"verify"},
    "verify_code": {"verify"},
    "verify_puzzle": {"verify", "worlds", "seeds"},
    "score": {"models", "score"},
    "weigh": {"method", "prompts", "seeds"},
    "update": {"method", "models", "update", "slurm", "seeds"},
    "evaluate": {"evaluate", "models", "rollout", "seeds"},
    "summary": {"evaluate", "report"},
    "export": {"evaluate", "models"},
    "retire": {"planning"},
    "report": {"evaluate", "report"},
    "figure": {"evaluate", "report"},
}
# The schemas that a stage may import: those of the artifacts that it reads or writes.
SCHEMAS = {
    "check_teacher": {"prompts", "checks"},
    "check_rows": {"found"},
    "prompts": {"prompts", "issues"},
    "rollout": {"prompts", "rollouts"},
    "verify_math": {"prompts", "rollouts", "verdicts", "samples", "evaluation"},
    "score": {"prompts", "rollouts", "verdicts", "scores"},
    "weigh": {"prompts", "rollouts", "verdicts", "scores", "batch"},
    "update": {"batch", "metrics"},
    "evaluate": {"prompts", "rollouts", "samples"},
    "export": {"prompts", "samples", "evaluation"},
    "retire": {"evaluation"},
}
HEAVY = ("torch", "transformers", "deepspeed", "vllm")


def closure(stage):
    """Modules of scope/ that a stage imports, as paths without suffix; packages' empty __init__ files left out."""
    library = SCRIPTS / "scope"
    paths = [path for path in fingerprint.import_closure(f"{stage}.py") if path.is_relative_to(library)]
    return [path.relative_to(library).with_suffix("") for path in paths if path.name != "__init__.py"]


def test_every_stage_has_a_budget():
    stages = {script for stage in STAGES.values() for script in stage.scripts}
    assert stages == BUDGET.keys()


@pytest.mark.parametrize("stage", BUDGET)
def test_a_stage_imports_only_what_its_budget_allows(stage):
    imported = {module.parts[0] for module in closure(stage)} - GROUND - {"artifacts"}
    assert imported <= BUDGET[stage], f"an edit in {imported - BUDGET[stage]} would run {stage} again"
    assert BUDGET[stage] <= imported, f"take {BUDGET[stage] - imported} out of the budget of {stage}"


@pytest.mark.parametrize("stage", SCHEMAS)
def test_a_stage_imports_only_the_schemas_that_it_reads_or_writes(stage):
    imported = {module.name for module in closure(stage) if module.parts[:2] == ("artifacts", "schemas")}
    assert imported - {"fields"} == SCHEMAS[stage]


def test_no_stage_depends_on_the_configuration_and_only_retire_on_the_planning_of_retention():
    for stage in BUDGET:
        modules = {str(module) for module in closure(stage)}
        assert not {name for name in modules if name.startswith("config/")}
        assert {name for name in modules if name.startswith("planning/")} <= {
            "planning/retention",
            "planning/retire_recipe",
        }
        if stage not in ("report", "figure", "summary"):
            assert not {name for name in modules if name.startswith("report/")}


def test_verdicts_and_weights_need_no_heavy_library():
    for stage in ("verify_math", "verify_code", "verify_puzzle", "weigh"):
        for path in fingerprint.import_closure(f"{stage}.py"):
            lines = [line.strip() for line in path.read_text().splitlines()]
            found = [
                line for line in lines if line.startswith(tuple(f"{w} {h}" for w in ("import", "from") for h in HEAVY))
            ]
            assert not found, f"{path}: {found}"


def test_every_init_file_is_empty():
    """A package's __init__ is in the closure of whatever imports a module of the package."""
    files = sorted((SCRIPTS / "scope").rglob("__init__.py"))
    assert len(files) > 15
    assert [file for file in files if file.read_text().strip()] == []
