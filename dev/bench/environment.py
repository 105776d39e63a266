"""The virtual environment of TRL: made once with uv, beside and not inside the project's own."""

import subprocess
import sys
from pathlib import Path

from scope.errors import InputError

LOCK = Path(__file__).resolve().parents[2] / "envs/cpu.lock.txt"
TRL_PIN = "trl==1.16.*"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def trl_python(folder: Path) -> Path:
    """The interpreter of an environment below `folder` with TRL and the project's own torch and transformers.

    It is made where it is missing or has other pins. Raises InputError where a package cannot be installed.
    """
    environment, pins = folder / "trl", [TRL_PIN, pin("torch"), pin("transformers")]
    python, stamp = environment / "bin/python", environment / "installed"
    wanted = "\n".join(pins) + "\n"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"environment: installing {', '.join(pins)} in {environment}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    _install("uv", "venv", "--quiet", "--clear", "--python", sys.executable, environment)
    _install_torch(python, pins[1])
    _install("uv", "pip", "install", "--quiet", "--python", python, *pins)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def pin(package: str) -> str:
    """The line of the CPU lock for a package, so that both sides run on the same version of it."""
    return next(line for line in LOCK.read_text(encoding="utf-8").splitlines() if line.startswith(f"{package}=="))


def _install_torch(python: Path, torch: str) -> None:
    """The CPU build, as envs/setup.sh does it: from the configured package index, else from PyTorch's."""
    command = ("pip", "--python", python, "install", "--quiet", "--no-deps", torch)
    try:
        _install(*command)
    except InputError:
        print(f"environment: {torch} is not on the configured package index; taking it from {TORCH_INDEX}", flush=True)
        _install(*command, "--index-url", TORCH_INDEX)


def _install(*command: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", *command], encoding="utf-8", capture_output=True)
    if done.returncode:
        raise InputError(
            f"{' '.join(map(str, command))} ended with status {done.returncode}: {done.stderr[-1500:].strip()}; "
            "TRL needs a package index: configure one, or leave TRL out with --sides scope vllm",
            "command-failed",
        )
