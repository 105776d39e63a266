"""The memory model beside real updates, each in a process of its own on the CPU."""

import importlib.util
import sys

import pytest

from conftest import ROOT
from scope.planning.memory_needs import ERROR

DEV = ROOT / "dev"


@pytest.fixture(scope="module")
def dev():
    """dev/measure_memory.py, which is a command and no package."""
    sys.path.insert(0, str(DEV))
    spec = importlib.util.spec_from_file_location("measure_memory", DEV / "measure_memory.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(DEV))


@pytest.mark.real
@pytest.mark.parametrize(
    "case",
    [
        pytest.param({"hidden": 128, "layers": 4, "vocabulary": 1_024, "tokens": 4_096}, marks=pytest.mark.slow),
        pytest.param({"hidden": 128, "layers": 2, "vocabulary": 100_000, "tokens": 512}, marks=pytest.mark.slow),
        {"hidden": 256, "layers": 4, "vocabulary": 8_000, "tokens": 1_024, "dtype": "float32", "stage": 0},
    ],
    ids=["tokens", "vocabulary", "float32"],
)
def test_an_update_takes_what_is_estimated_within_the_stated_error(dev, case):
    case = dev.Case(**case)
    figures = dev.measure(case)
    assert dev.estimated(case, figures) == pytest.approx(figures.bytes, rel=ERROR)
