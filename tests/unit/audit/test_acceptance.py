"""Accepted changes of code: bound to exact fingerprints, honest in what is made later, refused where unfounded."""

import json

import pytest

from refusals import refused
from scope.artifacts import accepted, fingerprint
from scope.artifacts.accepted import accept, acceptances, accepted_chain
from scope.artifacts.recipe import check_recipe, make_provenance, make_recipe
from scope.artifacts.stages import STAGES
from scope.audit import acceptance
from scope.audit.acceptance import Made, in_force, propose

TIME = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A library of two modules behind scripts/weigh.py; returns a function that edits the first."""
    (tmp_path / "scripts/scope").mkdir(parents=True)
    (tmp_path / "scripts/scope/__init__.py").touch()
    (tmp_path / "scripts/weigh.py").write_text("from scope import used\n")
    (tmp_path / "scripts/verify_math.py").write_text("from scope import used\n")
    monkeypatch.setattr(fingerprint, "SCRIPTS", tmp_path / "scripts")
    monkeypatch.setattr(accepted, "FILE", tmp_path / "workflow/accepted_code.json")

    def edit(text):
        (tmp_path / "scripts/scope/used.py").write_text(text)
        for cached in [*vars(fingerprint).values(), acceptances]:
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
        return fingerprint.fingerprint("weigh.py")

    edit("x = 1\n")
    yield edit
    monkeypatch.undo()
    edit("")


def made(provenance, count=1):
    """What `made_by` gives for artifacts with a provenance."""
    recipe = provenance["recipe"]
    own = provenance.get("accepted", {}).get("code", recipe["code"])
    return {recipe["script"]: {Made(recipe["code"], own, tuple(provenance["modules"].items())): count}}


def provenance_now():
    return make_provenance(make_recipe("weigh", {"a": 1}), [])


def accept_now(before, stages=("weigh",)):
    records, again = propose(stages, made(before), reason="the same sums", time=TIME)
    accept(records)
    return again


def test_an_accepted_change_gives_the_recipe_of_before_and_records_what_really_ran(code):
    before, recipe = provenance_now(), make_recipe("weigh", {"a": 1})
    new = code("x = 2 - 1\n")
    assert make_recipe("weigh", {"a": 1}) != recipe
    accept_now(before)
    assert make_recipe("weigh", {"a": 1}) == recipe
    check_recipe(recipe, "weigh.py")
    after = provenance_now()
    assert after["recipe"] == before["recipe"]
    assert after["modules"] != before["modules"]
    assert after["accepted"]["code"] == new
    assert after["accepted"]["records"][0]["reason"] == "the same sums"
    assert "accepted" not in before
    (record,) = json.loads(accepted.FILE.read_text())
    assert record["modules"].keys() == {"scope/used.py"}
    assert record["time"] == TIME
    assert record["stages"] == ["weigh"]


def test_any_further_edit_counts_again_and_the_old_code_still_counts_as_itself(code):
    before, recipe = provenance_now(), make_recipe("weigh", {})
    code("x = 2 - 1\n")
    accept_now(before)
    code("x = 3 - 1\n")
    assert make_recipe("weigh", {}) != recipe
    with refused("other-code", "weigh.py"):
        check_recipe(recipe, "weigh.py")
    code("x = 1\n")
    assert make_recipe("weigh", {}) == recipe
    assert "accepted" not in provenance_now()


def test_acceptances_chain(code):
    first = code("x = 1\n")
    before, recipe = provenance_now(), make_recipe("weigh", {})
    second = code("x = 2 - 1\n")
    accept_now(before)
    made_by_second = provenance_now()
    third = code("x = 3 - 2\n")
    accept_now(made_by_second)
    assert make_recipe("weigh", {}) == recipe
    assert [(r.old, r.new) for r in accepted_chain("weigh.py", third)] == [(second, third), (first, second)]
    assert provenance_now()["accepted"]["code"] == third
    assert len([line for line in in_force() if "the same sums" in line]) == 2


def test_an_acceptance_holds_for_the_named_stages_alone(code):
    before, others = provenance_now(), make_recipe("verify_math", {})
    verified = make_provenance(others, [])
    code("x = 2 - 1\n")
    records, again = propose(["weigh"], made(before) | made(verified), reason="r", time=TIME)
    accept(records)
    assert make_recipe("verify_math", {}) != others
    assert again == ["verify_shared, verify, grade, grade_shared: not accepted; the code changed too, so it runs again"]


def test_nothing_is_accepted_where_nothing_changed_or_the_old_code_is_unknown_or_ambiguous(code):
    first = provenance_now()
    with refused("nothing-to-accept", "weigh"):
        propose(["weigh"], made(first), reason="r", time=TIME)
    with refused("unknown-code", "weigh.py"):
        propose(["weigh"], {}, reason="r", time=TIME)
    code("x = 5\n")
    second = provenance_now()
    code("x = 2 - 1\n")
    both = {"weigh.py": made(first)["weigh.py"] | made(second)["weigh.py"]}
    with refused("several-codes", "weigh", "--results"):
        propose(["weigh"], both, reason="r", time=TIME)
    with refused("missing-argument", "--reason"):
        propose(["weigh"], made(first), reason=" ", time=TIME)
    accept_now(first)
    with refused("already-accepted", "weigh"):
        propose(["weigh"], made(second), reason="r", time=TIME)
    with refused("nothing-to-accept", "weigh"):
        propose(["weigh"], made(first), reason="r", time=TIME)


def test_what_the_present_code_made_already_is_named(code):
    before = provenance_now()
    code("x = 2 - 1\n")
    both = {"weigh.py": made(before)["weigh.py"] | made(provenance_now(), 3)["weigh.py"]}
    _, again = propose(["weigh"], both, reason="r", time=TIME)
    assert again == ["weigh: 3 artifacts were already made by the present code; they are made again"]


def test_a_record_names_every_stage_that_runs_the_script():
    assert acceptance._stages_of("update.py") == [name for name, stage in STAGES.items() if "update" in stage.scripts]


def test_a_damaged_file_is_named(code):
    accepted.FILE.parent.mkdir()
    accepted.FILE.write_text('[{"script": 1}]')
    acceptances.cache_clear()
    with refused("unreadable-file", "accepted_code.json"):
        make_recipe("weigh", {})
