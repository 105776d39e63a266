"""Single figures: the command line, what the pictures show, and what is refused."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from refusals import refused
from report_world import SCRIPTS, write_evaluation, write_metrics
from scope.artifacts.recipe import make_recipe, read_recipe
from scope.artifacts.schemas.metrics import METRIC_NAMES
from scope.method.table import METHODS
from scope.report.accuracy import accuracy, cell_values
from scope.report.figure_names import FIGURES, NAMES
from scope.report.figure_recipe import FigureRecipe
from scope.report.figures import plot
from scope.report.load import read_evaluations

ARMS = ["scope-tau=0.5-lr=1e-05", "grpo"]
SAMPLINGS = {"T1": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}}


def recipe(arms=ARMS, starts=None):
    settings = {"arms": arms, "report": {"bootstrap": 50}, "evaluation": {"sampling": SAMPLINGS}}
    return make_recipe("figure", {**settings, "starts": starts or {}})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Evaluations of base, teacher and two arms after rounds 1 and 2, and metrics of one step of either arm."""
    folder = tmp_path_factory.mktemp("figures")
    evaluations = [
        write_evaluation(folder / "base.parquet", "base", None, None, 0.2),
        write_evaluation(folder / "teacher.parquet", "teacher", None, None, 0.48),
    ]
    metrics = []
    for arm in ARMS:
        for round_ in (1, 2):
            share = 0.2 + 0.1 * round_
            evaluations.append(write_evaluation(folder / f"e.{arm}.{round_}.parquet", arm, 0, round_, share))
            logged = dict.fromkeys(METRIC_NAMES, 0.25) | ({"kl_reference": None} if arm != "grpo" else {})
            metrics.append(write_metrics(folder / f"m.{arm}.{round_}.parquet", arm, 0, round_, shares=[0.2], **logged))
    return {"evaluations": evaluations, "metrics": metrics}


def plotted(name, files, arms=ARMS, starts=None):
    return plot(name, files["evaluations"], files["metrics"], read_recipe(recipe(arms, starts), FigureRecipe))


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def labels(svg):
    return [node.attrib["aria-label"] for node in ElementTree.fromstring(svg).iter() if "aria-label" in node.attrib]


def accuracy_points(svg):
    """{(policy, round): avg@4 in percent} of the dots."""
    point = re.compile(r"avg@4, %: ([\d.]+); policy: (\S+); round: (\d);")
    return {(found[2], int(found[3])): float(found[1]) for text in labels(svg) if (found := point.search(text))}


def test_the_curve_of_an_arm_begins_with_the_policy_that_it_starts_from(files):
    points = accuracy_points(plotted("accuracy", files, starts={"grpo": {"arm": ARMS[0], "round": 1}}))
    base = accuracy_points(plotted("accuracy", files))["grpo", 0]
    assert points["grpo", 0] == points[ARMS[0], 1] != base == points[ARMS[0], 0]


def test_the_names_are_known_before_anything_heavy_is_loaded():
    assert list(NAMES) == ["accuracy", "pass_at_k", *FIGURES]
    assert set(FIGURES) == set(METRIC_NAMES)
    heavy = "{'torch', 'polars', 'pyarrow', 'numpy', 'altair'} & set(sys.modules)"
    code = f"import sys; import scope.report.figure_names; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_figures_name_the_methods_that_log_a_loss():
    for loss in ("mle", "nll", "opd", "pg"):
        methods = {method for (method, _), row in METHODS.items() if loss in row.losses}
        assert methods == set(re.findall(r"scope|opd|grpo|kd", FIGURES[f"loss_{loss}"].methods))


@pytest.mark.real
def test_the_command_line_writes_the_same_bytes_as_another_process(files, tmp_path):
    out = tmp_path / "figures" / "accuracy.svg"
    inputs = ["--evaluations", *reversed(files["evaluations"])]
    command = [
        sys.executable,
        SCRIPTS / "figure.py",
        "--figure",
        "accuracy",
        *inputs,
        "--out",
        out,
        "--recipe",
        recipe(),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert out.read_text() == plotted("accuracy", files) == plotted("accuracy", files)
    assert list(out.parent.iterdir()) == [out]


def test_an_unknown_figure_is_refused_with_the_names_there_are(tmp_path):
    command = [
        sys.executable,
        SCRIPTS / "figure.py",
        "--figure",
        "accurcy",
        "--out",
        tmp_path / "x",
        "--recipe",
        recipe(),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'accuracy', 'pass_at_k', 'share_correct'" in done.stderr


def test_accuracy_shows_arms_from_the_base_policy_on_and_the_teacher_as_a_level(files):
    svg = plotted("accuracy", files)
    assert {"coins at T1", "teacher", *ARMS, "avg@4, %", "round (0: before the first)"} <= set(texts(svg))
    assert "base" not in texts(svg)
    rows = accuracy(cell_values(read_evaluations(files["evaluations"], SAMPLINGS), 50), 50).filter(metric="avg@4")
    value = {(policy, round_): 100 * share for policy, round_, share in rows.select("policy", "round", "value").rows()}
    points = accuracy_points(svg)
    starts = {(arm, 0): value["base", None] for arm in ARMS}
    level = {("teacher", round_): value["teacher", None] for round_ in (0, 2)}
    ends = {(arm, round_): value[arm, round_] for arm in ARMS for round_ in (1, 2)}
    assert points == pytest.approx({**starts, **level, **ends}, rel=1e-5)


def test_one_evaluated_round_is_enough(files):
    few = [file for file in files["evaluations"] if ".1." not in file.name]
    assert {"coins at T1", *ARMS} <= set(texts(plotted("accuracy", {**files, "evaluations": few})))


def test_pass_at_k_shows_every_policy(files):
    svg = plotted("pass_at_k", files)
    assert {"coins at T1", "base", "teacher", *ARMS, "pass@k, %", "k, samples"} <= set(texts(svg))


@pytest.mark.parametrize("name", FIGURES)
def test_every_logged_figure_can_be_plotted(name, files):
    svg = plotted(name, files)
    who = ["grpo"] if name == "kl_reference" else ARMS
    assert {FIGURES[name].title, *who} <= set(texts(svg))
    assert sum(f"arm: {arm}" in text for text in labels(svg) for arm in who) >= 2 * len(who)
    assert 600 <= float(ElementTree.fromstring(svg).attrib["width"]) <= 660


def test_forty_arms_are_all_in_the_legend(files, tmp_path):
    arms = [f"scope-tau={tau}-lr={rate}" for tau in range(8) for rate in ("1e-06", "3e-06", "1e-05", "3e-05", "0.1")]
    metrics = [write_metrics(tmp_path / f"{arm}.parquet", arm, 0, 1, shares=[0.1]) for arm in arms]
    svg = plotted("loss", {**files, "metrics": metrics}, arms)
    assert set(arms) <= set(texts(svg))
    assert float(ElementTree.fromstring(svg).attrib["width"]) <= 660


def test_a_figure_that_no_arm_logged_is_refused_with_who_logs_it(files):
    with refused(
        "metric-not-logged", "scope-tau=0.5-lr=1e-05", "kl_reference", "grpo with objective.kl_coefficient above 0"
    ):
        plotted("kl_reference", {**files, "metrics": files["metrics"][:2]}, ARMS[:1])


def test_evaluations_without_an_arm_are_refused(files):
    with refused("no-evaluations", "--evaluations", "grpo"):
        plotted("accuracy", {**files, "evaluations": files["evaluations"][:2]})


@pytest.mark.parametrize("name", ["pass_at_k", "loss"])
def test_files_of_an_arm_that_the_recipe_does_not_name_are_refused(files, name):
    with refused("no-such-arm", "grpo", "scope-tau=0.5-lr=1e-05"):
        plotted(name, files, ARMS[:1])
