"""Runs of the workflow in a copy of the project, and what a dry run says."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from conftest import BIN, ROOT
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import COST_NAMES

COPIED = ("scripts", "workflow", "config", "envs", "profiles", "tests/configs")


def checkout(folder):
    """The project in another place, as a checkout would be."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder


def snakemake(folder, *arguments, check=True, wait=True, script="scripts/run.py", **environment):
    """Run the workflow as its user would; returns what it said, or the process with `wait=False`."""
    cores = ["--cores", "2"] if script == "scripts/run.py" and "--profile" not in arguments else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [BIN / "python", script, *cores, *map(str, arguments)]
    variables = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, env=variables, **pipes)
    if not wait:
        return process
    output, _ = process.communicate()
    assert not check or process.returncode == 0, output[-6000:]
    return output


def would_run(folder, *arguments):
    """Rules that a dry run would execute, with their counts; `all` left out."""
    output = snakemake(folder, "-n", *arguments)
    table = re.findall(r"^([a-z_]+) +(\d+)$", output, re.M)
    return {rule: int(count) for rule, count in table if rule not in ("total", "all")}


def digests(folder):
    """Digest of every artifact and of the figures in live logs; other logs, timings, and the page, which shows timings,
    are no artifacts."""
    outside = ("logs", "timings", "wandb")
    return {
        str(path.relative_to(folder)): hashlib.sha256(content(path)).hexdigest()
        for path in sorted((folder / "results").rglob("*"))
        if path.is_file() and not set(outside) & set(path.parts) and path.suffix not in (".html", ".log")
    }


def content(path):
    """The bytes of a file; those of a live log without what its steps cost, which no other run repeats."""
    if path.name != "metrics.jsonl":
        return path.read_bytes()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(set(COST_NAMES) <= row.keys() for row in rows)
    return json.dumps([{name: row[name] for name in row if name not in COST_NAMES} for row in rows]).encode()


def made_from(folder, artifact, stage):
    """The files of a stage that an artifact was made from."""
    inputs = parquet.metadata(folder / artifact)["inputs"]
    return [folder / path for path in inputs if Path(path).parent.name.split("-")[0] == stage]


def processes_in(folder):
    """Ids of the processes that work in a folder, the oldest first."""
    found = []
    for pid in sorted(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        try:
            if Path(f"/proc/{pid}/cwd").resolve() == folder and pid != os.getpid():
                found.append(pid)
        except OSError:
            continue
    return found


def kill_all(folder):
    """SIGKILL to every process that works in the folder, controllers first."""
    for pid in processes_in(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
