"""Fingerprints see statements, not comments, formatting or file times; settings refuse what is not there."""

import json
import os
import re
import sys

import pytest

from conftest import ROOT, run
from scope.artifacts import fingerprint
from scope.artifacts.recipe import check_recipe, make_provenance, make_recipe, read_recipe
from scope.errors import InputError


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


def test_settings_unfold_dotted_keys_and_name_what_they_lack():
    settings = read_recipe(make_recipe("weigh", {"a.b": 1, "a.c": {"d": [2]}}))
    assert settings.a.b == 1
    assert settings.a.c.d == [2]
    assert settings.as_dict() == {"a": {"b": 1, "c": {"d": [2]}}}
    with pytest.raises(InputError, match=r"--recipe.a lacks 'x'"):
        _ = settings.a.x


def test_no_stage_imports_the_configuration():
    for stage in ("rollout", "verify", "score", "weigh", "update", "evaluate", "report"):
        names = {path.name for path in fingerprint.import_closure(f"{stage}.py")}
        assert not names & {"experiment.py", "types.py", "recipes.py"}, (
            f"every new configuration key would rerun {stage}"
        )


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
    with pytest.raises(InputError, match=r"weigh.py or a module that it imports was edited after this job was planned"):
        check_recipe(json.dumps(planned), "weigh.py")
    with pytest.raises(InputError, match="--recipe is no recipe"):
        check_recipe("{}", "weigh.py")
    with pytest.raises(InputError, match=r"--recipe is one of weigh.py, not of update.py"):
        check_recipe(make_recipe("weigh", {}), "update.py")


def test_a_command_line_tells_a_recipe_of_other_code_in_one_line(tmp_path):
    planned = json.loads(make_recipe("retire", {}))
    planned["code"] = "0" * 64
    done = run(sys.executable, "scripts/retire.py", "--round", "1", "--batch", "b", "--out", tmp_path / "o",
               "--recipe", json.dumps(planned), check=False)  # fmt: skip
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
