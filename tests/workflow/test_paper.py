"""The paper's four runs: they are valid, and dry runs on placeholder folders print what they will take."""

import json
import re
import struct

import polars as pl
import pytest
import yaml

from conftest import ROOT, run
from flows import BIN, checkout
from scope.config.data import Rows
from scope.config.experiment import parse_config, read_config
from scope.verify.code.tests import COLUMNS
from scope.verify.registry import VERIFIERS

NAMES = ("paper_math", "paper_math_qwen3", "paper_code", "paper_code_qwen3")
# Bytes of the student's weights in bfloat16, from which the disk is projected.
STUDENT_BYTES = 3_554_176_256
SIZES = {
    "DeepSeek-R1-Distill-Qwen-1.5B": ("qwen2", 1536, 8960, 28, 12, 2, 128),
    "Skywork-OR1-7B": ("qwen2", 3584, 18944, 28, 28, 4, 128),
    "Qwen3-1.7B-Base": ("qwen3", 2048, 6144, 28, 16, 8, 128),
    "Qwen3-8B": ("qwen3", 4096, 12288, 36, 32, 8, 128),
}
"""What their config.json says, from which memory is projected."""
KEYS = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim")  # fmt: skip


CELLS = {
    "solution": r"\boxed{2}",
    "error": "0.1",
    "source": "codeforces",
    "contest_date": "2024-09-01",
    "input_output": json.dumps({"inputs": ["1"], "outputs": ["2"]}),
    "prompt": "def f(x):\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
    "entry_point": "f",
    "public_test_cases": json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}]),
    "private_test_cases": "[]",
    "metadata": "{}",
}
"""What a column of every row has, where not just any text is valid."""


def configuration(name):
    return parse_config(read_config(ROOT / f"config/{name}.yaml", ROOT / "config/variants.yaml"))


def write_placeholder(path):
    """Weights in bfloat16 of which only the header is written."""
    shape = {"dtype": "BF16", "shape": [STUDENT_BYTES // 2], "data_offsets": [0, STUDENT_BYTES]}
    header = json.dumps({"weight": shape}).encode()
    with open(path, "wb") as weights:
        weights.write(struct.pack("<Q", len(header)) + header)
        weights.truncate(8 + len(header) + STUDENT_BYTES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A checkout, and placeholders: model folders whose weights are holes, files of problems with rows for a step."""
    folder = tmp_path_factory.mktemp("paper")
    places = {"SCOPE_MODELS": folder / "models", "SCOPE_DATA": folder / "data"}
    places["SCOPE_DATA"].mkdir()
    for config in map(configuration, NAMES):
        for model in (config.models.student, config.models.teacher):
            made = folder / "models" / model.path.rsplit("/", 1)[1]
            made.mkdir(parents=True, exist_ok=True)
            sizes = dict(zip(KEYS, SIZES[made.name], strict=True))
            (made / "config.json").write_text(json.dumps({**sizes, "vocab_size": 151_936}))
            write_placeholder(made / "model.safetensors")
        for rows in (config.data.train, *config.data.benchmarks.values()):
            tests = COLUMNS.get(rows.tests, ())
            columns = {rows.problem, rows.answer, rows.tolerance, *tests, *rows.where, *rows.between} - {None}
            table = pl.DataFrame({column: [CELLS.get(column, "1 + 1?")] * 256 for column in sorted(columns)})
            table.write_parquet(places["SCOPE_DATA"] / rows.path.rsplit("/", 1)[1])
    return checkout(folder / "scope"), places


def snakemake(site, name, *arguments, check=True):
    folder, places = site
    command = [BIN / "python", "-m", "snakemake", "--directory", folder, "--snakefile", folder / "Snakefile"]
    return run(*command, "--configfile", f"config/{name}.yaml", *arguments, check=check, **places)


@pytest.mark.parametrize("name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])])
def test_a_dry_run_projects_jobs_gpu_hours_memory_and_disk(site, name):
    said = snakemake(site, name, "--dry-run", "--quiet", "all").stderr
    config = configuration(name)
    jobs = 2 + 2 + 1 + 3 * 1600 + 100 + 100 + 99 + 2 * (1 + 2 + 1) * len(config.data.benchmarks) + 1
    assert f"jobs: {jobs:,} from the start to the report" in said
    # 100 steps: 247.7 s and 185.5 s on 16 GPUs, 200 s on 4; three policies are graded on every benchmark
    graded = 3 * len(config.data.benchmarks) * config.expected_cost.evaluate.wall_s / 3600
    whole = float(f"{100 * ((247.7 + 185.5) * 16 + 200 * 4) / 3600 + graded:.2g}")
    assert f"GPU hours: about {whole:.0f} (rollout 110, score 22, update 82, evaluate {graded:.0f})" in said
    memory = re.search(r"memory per GPU: about update (\d+) GB, score \S+ GB, rollout 3\.6 GB \+ KV cache", said)
    assert memory, said
    assert int(memory[1]) < 0.85 * 80
    assert "; of 80 GB" in said
    assert "may not fit" not in said
    # 11 policies of 3.6 GB, 2 or 3 states of 12 bytes for each of 1.8 billion parameters
    assert re.search(r"disk: about \S+ GB at the end \(10 policies 36 GB, 2 states 43 GB", said), said


@pytest.fixture
def without(site):
    """Take files of problems away, and put them back afterwards."""
    taken = []

    def take(*names):
        for name in names:
            file = site[1]["SCOPE_DATA"] / f"{name}.parquet"
            taken.append(file.rename(file.with_suffix(".away")))

    yield take
    for file in taken:
        file.rename(file.with_suffix(".parquet"))


def test_one_policy_is_graded_on_all_available_benchmarks_and_names_how_to_supply_the_others(site, without):
    without("minerva", "aime25")
    done = snakemake(site, NAMES[0], "--dry-run", "results/paper_math/shared/evaluate/base/summary.md")
    for name in ("aime25", "minerva"):
        file = site[1]["SCOPE_DATA"] / f"{name}.parquet"
        assert f"benchmark {name} is skipped: {file} not found; create it (its columns are" in done.stderr
    assert done.stderr.count("is skipped") == 2
    of_each = ("check_problems", "problems", "evaluate_shared", "grade_shared")
    planned = dict.fromkeys(of_each, "4") | {"model": "1", "summary": "1", "total": "18"}
    assert dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M)) == planned


def test_without_any_benchmark_nothing_is_planned(site, without):
    without("humaneval", "livecodebench", "taco")
    done = snakemake(site, NAMES[2], "--dry-run", check=False)
    assert done.returncode
    assert "no benchmark is available: " in done.stdout + done.stderr


def test_missing_rows_are_named_only_where_they_are_read(site, without):
    without("deepmath")
    done = snakemake(site, NAMES[0], "--dry-run", check=False)
    assert f"data.train: {site[1]['SCOPE_DATA']}/deepmath.parquet not found; create it or set another path" in (
        done.stdout + done.stderr
    )
    snakemake(site, NAMES[0], "--dry-run", "results/paper_math/shared/evaluate/base/summary.md")


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_are_the_papers(name):
    config = configuration(name)
    update, rollout, sampling = config.update, config.rollout, config.evaluation.sampling["paper"]
    assert (update.learning_rate, update.schedule, update.weight_decay) == (5e-5, "constant", 0.01)
    assert (update.prompts_per_step, update.steps_per_round, update.ranks) == (256, 1, 16)
    assert (rollout.n, rollout.temperature, rollout.max_tokens) == (8, 0.6, 12288)
    assert (config.data.max_prompt_tokens, config.objective.method, config.objective.tau) == (4096, "scope", 1.0)
    # The paper's 32,768 with a prompt of 4,096 exceed the context of Qwen3-1.7B-Base.
    assert (config.evaluation.n, config.evaluation.max_tokens) == (32, 28672 if name.endswith("qwen3") else 32768)
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.6, 0.95, 20)
    assert sampling.repetition_penalty == (1.08 if name.endswith("qwen3") else 1.0)
    assert config.models.student.path.endswith("Qwen3-1.7B-Base" if name.endswith("qwen3") else "Qwen-1.5B")


def test_every_domain_has_verdicts():
    assert set(Rows.model_fields["domain"].annotation.__args__) == set(VERIFIERS)


def test_each_configuration_is_complete():
    for name in NAMES:
        assert yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())["experiment"] == name
