"""Inspect a node from a job: the shared folder, GPUs, the Python environment, models, a sandbox.

The folder of a probe holds `ask.json` of the controller. The probe writes `hello` and waits for the controller's
`reply`, which times the shared file system on one clock, and ends with `found.json`.
"""

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scope.artifacts.atomic import atomic

REPLY_S = 120.0


def inspect_node(folder: Path) -> None:
    """Run every check and write what was found."""
    asked = json.loads((folder / "ask.json").read_text(encoding="utf-8"))
    found = {"host": socket.gethostname(), "python": sys.executable, **time_shared_folder(folder)}
    found["modules"] = {name: version(name) for name in asked["modules"]}
    found["gpus"] = gpus(found["modules"])
    found["models"] = {path: model_error(Path(path)) for path in asked["models"]}
    found["sandbox"] = sandbox_error()
    write(folder / "found.json", json.dumps(found))


def write(path: Path, text: str) -> None:
    """Write a file under another name and rename it, as stages do."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def time_shared_folder(folder: Path) -> dict[str, float | None]:
    """Seconds until the controller answered a file of this node with another, and how far its clock is ahead."""
    before, started = time.time(), time.monotonic()
    write(folder / "hello", socket.gethostname())
    while not (folder / "reply").exists():
        if time.monotonic() - started > REPLY_S:
            return {"round_trip": None, "skew": None}
        time.sleep(0.05)
    round_trip = time.monotonic() - started
    return {
        "round_trip": round_trip,
        "skew": float((folder / "reply").read_text(encoding="utf-8")) - before - round_trip / 2,
    }


def version(name: str) -> dict[str, str]:
    """The version of a module, or why it cannot be imported."""
    try:
        return {"version": str(getattr(importlib.import_module(name), "__version__", "unknown"))}
    except BaseException as error:  # the stages would fail at whatever this import does
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def gpus(modules: dict[str, Any]) -> dict[str, Any]:
    """The GPUs that SLURM gave, and those that torch sees."""
    found: dict[str, Any] = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES", "")}
    if "version" in modules.get("torch", {}):
        import torch

        found["cuda"] = torch.version.cuda
        found["names"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return found


def model_error(folder: Path) -> str | None:
    """Why a model's folder cannot be read here; None where it can."""
    weights = sorted(folder.glob("*.safetensors"))
    try:
        (folder / "config.json").read_bytes()
        for file in weights:
            with open(file, "rb") as opened:
                opened.read(8)
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    return None if weights else f"no *.safetensors in {folder}"


def sandbox_error() -> str | None:
    """Why bubblewrap cannot shut a process in here; None where it can."""
    if not shutil.which("bwrap"):
        return "bwrap is not installed"
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "true"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    return (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1] if done.returncode else None
