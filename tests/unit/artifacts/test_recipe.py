"""Fingerprints see statements, not comments, formatting or file times; a recipe is read as the class of its stage."""

import json
import os
import re
import sys

import pytest
from pydantic import ValidationError

from conftest import ROOT, run
from refusals import refused
from scope.artifacts import fingerprint
from scope.artifacts.recipe import Settings, check_recipe, make_provenance, make_recipe, named, read_recipe
from scope.artifacts.stages import STAGES, WITH_RECIPE
from scope.planning.recipes import RECIPES


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    (tmp_path / "scope").mkdir()
    (tmp_path / "scope/__init__.py").write_text("")
    (tmp_path / "scope/used.py").write_text('"""Doc."""\nfrom scope.deeper import x\n\n\ndef f():\n    return x + 1\n')
    (tmp_path / "scope/deeper.py").write_text("x = 1\n")
    (tmp_path / "scope/unused.py").write_text("y = 1\n")
    (tmp_path / "stage.py").write_text("from scope import used\n\nprint(used.f())\n")
    monkeypatch.setattr(fingerprint, "SCRIPTS", tmp_path)
    return tmp_path


def code():
    for cached in vars(fingerprint).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    return fingerprint.fingerprint("stage.py")


def test_the_closure_is_what_the_stage_imports(scripts):
    closure = fingerprint.import_closure("stage.py")
    names = [str(path.relative_to(scripts)) for path in closure]
    assert names == ["scope/__init__.py", "scope/deeper.py", "scope/used.py", "stage.py"]


def test_comments_docstrings_formatting_and_times_do_not_count(scripts):
    before = code()
    used = scripts / "scope/used.py"
    used.write_text(
        '"""Other."""\nfrom scope.deeper import x  # why\n\n\ndef f():\n    """Doc."""\n    return (x + 1)\n'
    )
    os.utime(used, (1, 1))
    assert code() == before


@pytest.mark.parametrize(("module", "text"), [("scope/deeper.py", "x = 2\n"), ("stage.py", "from scope import used\n")])
def test_a_changed_statement_counts_even_with_an_old_time(scripts, module, text):
    before = code()
    (scripts / module).write_text(text)
    os.utime(scripts / module, (1, 1))
    assert code() != before


def test_a_module_that_is_not_imported_does_not_count(scripts):
    before = code()
    (scripts / "scope/unused.py").write_text("y = 2\n")
    assert code() == before


class Inner(Settings):
    n: int
    rates: list[float]
    chosen: dict[str, bool] | None


class Outer(Settings):
    inner: Inner
    name: str


WHOLE = {"inner": {"n": 1, "rates": [1, 0.5], "chosen": None}, "name": "a"}


def test_a_recipe_is_read_as_the_class_of_its_stage():
    settings = read_recipe(make_recipe("weigh", WHOLE), Outer)
    assert settings.inner == Inner(n=1, rates=[1.0, 0.5], chosen=None)
    with pytest.raises(ValidationError, match="frozen"):
        settings.name = "b"


@pytest.mark.parametrize(
    ("settings", "settings_named"),
    [
        ({"inner": WHOLE["inner"]}, ["name is missing"]),
        ({**WHOLE, "inner": {"n": 1, "rates": []}}, ["inner.chosen is missing"]),
        ({**WHOLE, "extra": 1}, ["extra is unknown"]),
        ({**WHOLE, "inner": {**WHOLE["inner"], "extra": 1}}, ["inner.extra is unknown"]),
        ({**WHOLE, "name": 1}, ["name is 1", "valid string"]),
        ({**WHOLE, "inner": {**WHOLE["inner"], "n": "1"}}, ["inner.n is '1'", "valid integer"]),
        ({**WHOLE, "inner": {**WHOLE["inner"], "n": 1.0}}, ["inner.n is 1.0", "valid integer"]),
        ({**WHOLE, "inner": {**WHOLE["inner"], "rates": ["1"]}}, ["inner.rates.0 is '1'", "valid number"]),
        ({"inner": {}}, ["inner.n is missing", "inner.rates is missing", "name is missing"]),
    ],
)
def test_a_recipe_that_does_not_fit_names_each_setting_and_how_to_print_another(settings, settings_named):
    with refused("invalid-recipe", "--recipe", *settings_named, "`python scripts/recipe.py STAGE`"):
        read_recipe(make_recipe("weigh", settings), Outer)


def test_a_section_whose_keys_are_names_reports_which_one_it_lacks():
    assert named({"a": 1}, "a", "held_out") == 1
    with refused("missing-setting", "held_out.b"):
        named({"a": 1}, "b", "held_out")


def test_no_stage_imports_the_configuration():
    scripts = {f"{script}.py": stage.name for stage in STAGES.values() for script in stage.scripts}
    for script, stage in scripts.items():
        names = {str(path.relative_to(fingerprint.SCRIPTS)) for path in fingerprint.import_closure(script)}
        found = {name for name in names if name.startswith("scope/config/")}
        found |= names & {"scope/planning/recipes.py", "scope/planning/derived.py"}
        assert not found, f"every new configuration key would rerun {stage.name}"


def test_every_stage_of_the_table_has_a_recipe():
    assert {*RECIPES, "model", "check_problems", "problems"} == set(WITH_RECIPE)


SHARED = {"sft": ["worlds", "models"], "tokenizer": ["worlds"], "prompts": ["worlds"]}
OWN_TOO = {"sft": {"prompts/chat_recipe.py"}, "prompts": {"prompts/chat_recipe.py"}}
CHEAP = {"summary": ["report"], "figure": ["report"]}  # they read evaluations as the report does, in seconds


@pytest.mark.parametrize(
    ("stage", "own"),
    [
        ("tokenizer", "prompts/tokenizer_recipe.py"),
        ("model", "models/recipe.py"),
        ("sft", "prompts/sft_recipe.py"),
        ("prompts", "prompts/recipe.py"),
        ("check_teacher", "score/check_recipe.py"),
        ("rollout", "rollout/recipe.py"),
        ("check_rows", "prompts/check_recipe.py"),
        ("verify_math", "verify/recipe.py"),
        ("verify_puzzle", "verify/recipe.py"),
        ("verify_code", "verify/recipe.py"),
        ("score", "score/recipe.py"),
        ("weigh", "method/recipe.py"),
        ("update", "update/recipe.py"),
        ("evaluate", "evaluate/recipe.py"),
        ("summary", "report/summary_recipe.py"),
        ("export", "evaluate/export_recipe.py"),
        ("retire", "planning/retire_recipe.py"),
        ("report", "report/recipe.py"),
        ("figure", "report/figure_recipe.py"),
    ],
)
def test_a_stage_imports_no_other_recipe_class_than_its_own(stage, own):
    """A new key of one stage would rerun the others."""
    closure = {str(path.relative_to(fingerprint.SCRIPTS)) for path in fingerprint.import_closure(f"{stage}.py")}
    modules = {name.removeprefix("scope/") for name in closure if name.endswith("recipe.py")}
    others = [*SHARED.get(stage, []), *CHEAP.get(stage, [])]
    assert modules - {"artifacts/recipe.py"} == {
        own,
        *OWN_TOO.get(stage, set()),
        *(f"{package}/recipe.py" for package in others),
    }


WITHOUT_VERDICTS = (
    "tokenizer model prompts rollout score weigh update evaluate summary export report figure retire check_teacher"
)


def test_verdicts_depend_on_the_verifier_of_their_domain_and_other_stages_on_none():
    """An edit of a verifier reruns nothing in a world of another domain."""
    packages = {"math": "scope/verify/math/", "code": "scope/verify/sandbox/", "puzzle": "scope/verify/coins.py"}
    scripts = {f"verify_{domain}.py": domain for domain in packages} | {
        f"{stage}.py": None for stage in WITHOUT_VERDICTS.split()
    }
    for script, own in scripts.items():
        closure = [str(path.relative_to(fingerprint.SCRIPTS)) for path in fingerprint.import_closure(script)]
        others = {place for domain, place in packages.items() if domain != own}
        assert not [path for path in closure if path.startswith(tuple(others))], script


def test_the_workflow_plans_without_heavy_libraries():
    """Every job of a cluster plans again before it starts: seconds of imports would be paid each time."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    imports = "; ".join(sorted(set(re.findall(r"^from (scope[\w.]+) import", rules, re.M))))
    heavy = "{'torch', 'polars', 'pyarrow', 'numpy', 'transformers', 'altair', 'vllm', 'pandas'}"
    code = f"import sys; import {imports.replace('; ', ', ')}; print({heavy} & set(sys.modules))"
    assert run(sys.executable, "-c", code, PYTHONPATH=ROOT / "scripts").stdout.strip() == "set()"


def test_a_recipe_of_other_code_is_refused():
    planned = json.loads(make_recipe("weigh", {}))
    planned["code"] = "0" * 64
    with refused("other-code", "weigh.py"):
        check_recipe(json.dumps(planned), "weigh.py")
    with refused("invalid-recipe", "--recipe"):
        check_recipe("{}", "weigh.py")
    with refused("other-script", "weigh.py", "update.py"):
        check_recipe(make_recipe("weigh", {}), "update.py")


def test_a_command_line_reports_a_recipe_of_other_code_in_one_line(tmp_path):
    planned = json.loads(make_recipe("retire", {}))
    planned["code"] = "0" * 64
    arguments = ["--round", "1", "--batch", "b", "--out", tmp_path / "o", "--recipe", json.dumps(planned)]
    done = run(sys.executable, "scripts/retire.py", *arguments, check=False)
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: retire.py or a module that it imports was edited .*start the run again.*\n", done.stderr
    )


def test_artifacts_name_their_modules(scripts):
    code()
    made = make_provenance(make_recipe("stage", {"a": 1}), [scripts / "stage.py"])
    assert list(made["modules"]) == ["scope/__init__.py", "scope/deeper.py", "scope/used.py", "stage.py"]
    assert made["recipe"]["settings"] == {"a": 1}
    assert list(made["inputs"]) == [str(scripts / "stage.py")]
    code()
