"""An isolated process, by bubblewrap: no network, no home, no secrets, and only a small tmpfs to write to.

The kernel limits CPU time, memory, file size and processes; process.py limits wall-clock time and output. Without
bubblewrap, or without user namespaces, there is no sandbox, and nothing runs.
"""

import importlib.util
import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from scope.errors import InputError
from scope.verify.sandbox.inside import probe
from scope.verify.sandbox.process import Dead, Late, Limits, Process, TooMuch

__all__ = ["Dead", "Late", "Limits", "Process", "TooMuch", "check_sandbox", "open_sandbox"]

PACKAGES = ("numpy", "numpy.libs")
"""Packages that programs may import beside the standard library, where they are installed."""
VARIABLES = ["--setenv", "LD_LIBRARY_PATH", "/python/lib", "--setenv", "OPENBLAS_NUM_THREADS", "1"]
START_S = 30.0
REMEDY = (
    "Code written by a model runs nowhere else. Install bubblewrap 0.5 or newer; where user namespaces are forbidden, "
    "ask the administrators for them, or for Apptainer's set-uid installation: docs/verdicts.md"
)


def open_sandbox(program: ModuleType, limits: Limits) -> Process:
    """Start a module of verify/sandbox/inside in a sandbox of its own. Raises InputError where none can start."""
    check_sandbox()
    return Process(_command(program, limits), limits)


@cache
def check_sandbox() -> None:
    """Raise InputError unless a sandbox starts here and isolates what runs in it."""
    if shutil.which("bwrap") is None:
        raise InputError(f"no sandbox: bwrap is not installed. {REMEDY}", "no-sandbox")
    hidden = [str(Path.home()), __file__]
    with Process(_command(probe, Limits()), Limits()) as process:
        try:
            process.send(json.dumps({"hidden": hidden}))
            holes = json.loads(process.receive(START_S))["holes"]
        except (Dead, Late) as error:
            raise InputError(
                f"no sandbox: bwrap does not start one here ({type(error).__name__}). {REMEDY}", "no-sandbox"
            ) from None
    if holes:
        raise InputError(f"no sandbox: inside it, {'; '.join(holes)}. {REMEDY}", "no-sandbox")


def _command(program: ModuleType, limits: Limits) -> list[str]:
    kernel = {
        "cpu": limits.cpu_s,
        "as": limits.memory_bytes,
        "fsize": limits.file_bytes,
        "core": 0,
        "nproc": limits.processes + (0 if _is_root() else _own_threads()),
    }
    start = f"import sys; sys.path.append('/inside'); import {program.__name__} as program; program.main()"
    limited = ["/usr/bin/prlimit", *(f"--{name}={limit}" for name, limit in kernel.items()), shutil.which("bwrap")]
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    apart = ["--die-with-parent", "--new-session", "--clearenv", *namespaces]
    scratch = ["--size", str(4 * limits.file_bytes), "--perms", "1777", "--tmpfs", "/box", "--chdir", "/box"]
    return [*limited, *apart, *_files(), *scratch, *_nobody(), _python(), "-I", "-X", "utf8", "-c", start]


@cache
def _files() -> list[str]:
    """The system, Python and the code that runs inside, read-only; Python is mounted elsewhere: it may be in a home."""
    inside = Path(probe.__file__).parent
    shared = [("/usr", "/usr"), (str(inside), "/inside/scope/verify/sandbox/inside")]
    if sys.base_prefix != "/usr":
        shared.append((sys.base_prefix, "/python"))
    numpy = importlib.util.find_spec("numpy")
    packages = [Path(numpy.origin).parents[1] / name for name in PACKAGES] if numpy and numpy.origin else []
    shared += [(str(folder), f"/inside/{folder.name}") for folder in packages if folder.is_dir()]
    binds = [word for source, target in shared for word in ("--ro-bind", source, target)]
    links = [word for name in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")]
    parents = ("", "/scope", "/scope/verify", "/scope/verify/sandbox")
    folders = [word for name in parents for word in ("--dir", f"/inside{name}")]
    return [*folders, *binds, *links, "--proc", "/proc", "--dev", "/dev", *VARIABLES]


def _python() -> str:
    name = Path(os.path.realpath(sys.executable)).name
    return f"/usr/bin/{name}" if sys.base_prefix == "/usr" else f"/python/bin/{name}"


def _nobody() -> list[str]:
    """A user without rights. Root becomes a new user in each sandbox: the limit on processes does not apply to root."""
    if not _is_root():
        return ["--unshare-user"]
    user = str((1 << 30) + int.from_bytes(os.urandom(3), "big"))
    caps = [word for name in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP") for word in ("--cap-add", name)]
    drop = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return [*caps, "/usr/bin/setpriv", "--reuid", user, "--regid", user, *drop]


def _is_root() -> bool:
    return os.getuid() == 0


@cache
def _own_threads() -> int:
    """Threads of this user: kernels before 5.14 count them all against the limit of a sandbox."""
    import psutil

    seen = (process.info for process in psutil.process_iter(["uids", "num_threads"]))
    return sum(info["num_threads"] for info in seen if info["uids"] and info["uids"].real == os.getuid())
