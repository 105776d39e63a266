"""What of a module's code counts: statements that can change a result; not the texts that only people read."""

import ast

import pytest

from conftest import ROOT
from scope.artifacts import fingerprint
from scope.artifacts.canonical_code import canonical, log_functions
from scope.artifacts.stages import STAGES

SCRIPTS = ROOT / "scripts"
IMPORTED = "def say(line):\n    '''Doc.'''\n    print(f'resume: {line}', file=sys.stderr, flush=True)\n"
ON_FIRST = (
    "def log(line):\n    if not dist.is_initialized() or dist.get_rank() == 0:\n        print(line, file=sys.stderr)\n"
)


def essence(source):
    find = {"scope.artifacts.partial": log_functions(ast.parse(IMPORTED))}.get
    return ast.dump(canonical(ast.parse(source), lambda name: find(name, frozenset())))


SAME = {
    "the text of an error": ('raise InputError("a")', 'raise InputError("b")'),
    "an f-string of an error": ('raise InputError(f"{x} a")', 'raise InputError(f"{len(y)}: b {x!r}") '),
    "text of an error put together": ('raise E("a" + x)', 'raise E("b %s" % x)'),
    "text joined from others": ('raise E("; ".join(xs))', 'raise E("a" if x else f"b {y}")'),
    "map and sorted in the text": ('raise E(f"{x}")', """raise E(f"{', '.join(map(str, sorted(x, key=len)))}")"""),
    "the text before a keyword": ('raise E("a", code="x")', 'raise E("b", code="x")'),
    "a print to standard error": ('f(x)\nprint("a", file=sys.stderr)', "f(x)"),
    "a function that only prints": (f'{IMPORTED}say("a")', f'{IMPORTED}say(f"b {{x}}")'),
    "what such a function writes": (IMPORTED, IMPORTED.replace("resume", "again")),
    "an imported function that only prints": (
        'from scope.artifacts.partial import say\nsay("a")',
        "from scope.artifacts.partial import say\n",
    ),
    "the same under another name": (
        'from scope.artifacts.partial import say as tell\ntell("a")',
        "from scope.artifacts.partial import say as tell\n",
    ),
    "a function that prints on the first rank alone": (f'{ON_FIRST}log("a")', f'{ON_FIRST}log(f"b {{x}}")'),
    "a logger": ('logger.info("a %s", x)', 'logging.warning("b")'),
    "a warning": ('warnings.warn("a", UserWarning)', 'warnings.warn("b", UserWarning)'),
    "what a progress bar shows": ('tqdm(xs, "a", unit="row")', 'tqdm(xs, "b", unit="line", mininterval=1)'),
    "a progress bar's description": ('bar.set_description("a")', 'bar.set_postfix_str("b")'),
    "help": ('p.add_argument("--x", help="a", metavar="X")', 'p.add_argument("--x", metavar="Y")'),
    "the description of a command": ('ArgumentParser(description="a")', 'ArgumentParser(description="b", epilog="c")'),
    "docstrings": ('def f():\n    "a"\n    return 1', 'def f():\n    "b"\n    return 1'),
}
DIFFERENT = {
    "the condition of an error": ('if x > 1:\n    raise E("a")', 'if x > 2:\n    raise E("a")'),
    "the class of an error": ('raise InputError("a")', 'raise ValueError("a")'),
    "the code of an error": ('raise E("a", code="x")', 'raise E("a", code="y")'),
    "an argument that is no text": ("raise SystemExit(1)", "raise SystemExit(2)"),
    "an error that a function chooses": ("raise choose(reply)", "raise choose(other)"),
    "an assignment in the text": ('raise E(f"{(y := 1)}")', 'raise E(f"{(y := 2)}")'),
    "a call with an unknown effect in the text": ('raise E(f"{queue.pop()}")', 'raise E(f"{queue.get()}")'),
    "map with an unknown function": ('raise E(f"{list(map(f, x))}")', 'raise E(f"{list(map(g, x))}")'),
    "a cause": ('raise E("a") from error', 'raise E("a") from None'),
    "a print to standard output": ('print("a")', 'print("b")'),
    "a print to a file": ('print("a", file=out)', 'print("b", file=out)'),
    "a call with an unknown effect in a print": ("print(f(1), file=sys.stderr)", "print(f(2), file=sys.stderr)"),
    "a function that prints where a call allows it": (
        f'{ON_FIRST.replace("dist.get_rank()", "queue.pop()")}log("a")',
        f'{ON_FIRST.replace("dist.get_rank()", "queue.pop()")}log("b")',
    ),
    "a function that prints, or does more": (
        f'{ON_FIRST}    else:\n        f(line)\nlog("a")',
        f'{ON_FIRST}    else:\n        f(line)\nlog("b")',
    ),
    "say, where it is a function that does more": (
        'def say(x):\n    pipe.write(x)\nsay("a")',
        'def say(x):\n    pipe.write(x)\nsay("b")',
    ),
    "a function that is no logger": ('wandb.log({"a": 1})', 'wandb.log({"a": 2})'),
    "the class of a warning": ('warnings.warn("a", UserWarning)', 'warnings.warn("a", FutureWarning)'),
    "what a progress bar goes through": ('tqdm(xs, "a")', 'tqdm(ys, "a")'),
    "the default of an argument": ('p.add_argument("--x", default=1)', 'p.add_argument("--x", default=2)'),
    "the description of a chart": ('chart.properties(description="a")', 'chart.properties(description="b")'),
    "a text that is a value": ('reason = "a"', 'reason = "b"'),
}


@pytest.mark.parametrize("name", SAME)
def test_texts_that_only_people_read_do_not_count(name):
    before, after = SAME[name]
    assert essence(before) == essence(after)


@pytest.mark.parametrize("name", DIFFERENT)
def test_whatever_may_change_a_result_counts(name):
    before, after = DIFFERENT[name]
    assert essence(before) != essence(after)


def test_lines_that_the_first_rank_writes_do_not_count():
    assert log_functions(ast.parse((SCRIPTS / "scope/update/log.py").read_text())) == {"log"}


SCRIPT_NAMES = {script for stage in STAGES.values() for script in stage.scripts}
# Where a handler passes an error on: to a record of why a server is not asked for a while, which only messages show, or
# to the status with which the process ends.
PASSED_ON = {
    "score/pool.py": {"failed", "_give_back"},
    "score/endpoint.py": {"_back_off"},
    "update/wandb_run.py": {"_give_up"},
    "update/launch.py": {"exit"},
}


def test_the_text_of_an_error_is_shown_and_never_becomes_a_value():
    """This is why error texts may be left out of the fingerprint: no stage computes with one that it caught."""
    library = SCRIPTS / "scope"
    for path in sorted({path for script in SCRIPT_NAMES for path in fingerprint.import_closure(f"{script}.py")}):
        name = str(path.relative_to(library)) if path.is_relative_to(library) else path.name
        if name == "cli.py":  # ends the process with it
            continue
        allowed = PASSED_ON.get(name, set())
        log = log_functions(ast.parse(path.read_text())) | {"say"}
        for handler in ast.walk(ast.parse(path.read_text())):
            if isinstance(handler, ast.ExceptHandler) and handler.name:
                values = uses(handler, handler.name, log | allowed)
                assert not values, f"{path}: {handler.name} becomes a value in line {values}"


def uses(node, name, shown):
    """Lines in which a caught error is used otherwise than in a `raise`, in a message, or for its class."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise):
            continue
        if isinstance(child, ast.Call):
            called = child.func.attr if isinstance(child.func, ast.Attribute) else getattr(child.func, "id", "")
            if called in shown | {"type", "isinstance"}:
                continue
        if isinstance(child, ast.Name) and child.id == name:
            found.append(child.lineno)
        found += uses(child, name, shown)
    return found
