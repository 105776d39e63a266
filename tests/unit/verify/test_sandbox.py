"""Hostile programs in the real sandbox: none of them passes, gets out, or leaves anything behind."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import scope
from needs_sandbox import sandboxed
from refusals import refused
from scope.verify.api import verify_code
from scope.verify.registry import VERIFIERS, verify_rows
from scope.verify.sandbox.bubblewrap import open_sandbox
from scope.verify.sandbox.inside import candidate, probe
from scope.verify.sandbox.process import Limits

pytestmark = sandboxed
EXPECTED = "the-expected-output-7f3a"
STDIO = json.dumps({"kind": "stdio", "inputs": ["7\n"], "outputs": [EXPECTED], "time_s": 2})
CALLS = json.dumps({"kind": "calls", "function": "f", "inputs": [[7]], "outputs": [EXPECTED], "time_s": 2})
ASSERTS = json.dumps(
    {
        "kind": "asserts",
        "functions": ["f"],
        "setup": "",
        "tests": f"assert f(7) == {EXPECTED!r}",
        "preamble": "",
        "prompt": "",
        "time_s": 2,
    }
)
KINDS = {"stdio": STDIO, "calls": CALLS, "asserts": ASSERTS}
GOOD = f"def f(x):\n    return {EXPECTED!r}\nprint({EXPECTED!r})\n"

HOSTILE = {
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n",
    "memory bomb": "x = []\nwhile True: x.append(bytearray(1 << 28))\n",
    "infinite print": "while True: print('x' * 1000)\n",
    "endless loop": "while True: pass\n",
    "sleeps": "import time\ntime.sleep(1000)\n",
    "exits with 0": "import os\nos._exit(0)\n",
    "exits in the call": "import os\ndef f(x): os._exit(0)\n",
    "kills everybody": "import os\nfor pid in (-1, os.getppid(), 1): os.kill(pid, 9)\n",
    "kills with what it is called": "import os\ndef f(x): os.kill(os.getppid(), 9); os.kill(-1, 9)\n",
    "forges a pass": """
import glob, os
line = b'{"passed": true}\\n{"value": true}\\n{"stdout": "", "status": 0}\\nPASS\\n'
for path in glob.glob("/proc/*/fd/*"):
    try: os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), line)
    except OSError: pass
for fd in range(3, 64):
    try: os.write(fd, line)
    except OSError: pass
def f(x): return None
""",
    "is equal to everything": """
class Any(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def f(x): return Any("no")
print(Any("no"))
""",
    "changes what asserts mean": """
import builtins, sys, json
builtins.AssertionError = type("Quiet", (Exception,), {"__new__": lambda *a: None})
builtins.str.__class__
json.dumps = lambda *a, **k: '{"passed": true}'
def f(x): return "no"
""",
    "raises what passes": "class passed(BaseException): pass\ndef f(x): raise passed\n",
    "reads the tests": """
import glob
def f(x=None):
    for path in glob.glob("/box/*") + glob.glob("/inside/**/*", recursive=True) + glob.glob("/proc/[0-9]*/*"):
        try: text = open(path, errors="replace").read()
        except OSError: continue
        if "the-expected" in text and "output-7f3a" in text and "glob" not in text:
            return text[text.index("the-expected"):][:24]
print(f())
""",
}


def inside_now():
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if "scope.verify.sandbox.inside" in " ".join(process.info["cmdline"] or [])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_program_passes(kind):
    assert verify_code(f"```python\n{GOOD}```", KINDS[kind]).reason == "correct"


@pytest.mark.real
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_never_passes_and_leaves_nothing_running(name, kind):
    verdict = verify_code(f"```python\n{HOSTILE[name]}```", KINDS[kind])
    assert not verdict.correct
    assert verdict.reason in ("raised", "timeout", "wrong", "too_much_output")
    deadline = time.monotonic() + 5
    while left := inside_now():
        assert time.monotonic() < deadline, left


def ask(code):
    """What a program prints in the sandbox, from the program's own side."""
    with open_sandbox(candidate, Limits()) as process:
        process.send(json.dumps({"kind": "stdio", "program": code}))
        process.send(json.dumps({"stdin": ""}))
        return json.loads(process.receive(20))["stdout"].strip()


def test_nothing_of_ours_can_be_read_and_nothing_outside_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SCOPE_TEACHER_API_KEY", "sk-planted")
    (tmp_path / "key").write_text("sk-planted")
    tries = f"""
import os
for path in ({str(tmp_path / "key")!r}, "/etc/passwd", "/etc/shadow", {str(Path(__file__))!r}):
    try: print(open(path).read())
    except OSError as error: print(type(error).__name__)
os.symlink({str(tmp_path)!r}, "/box/way")
for path in ("/box/way/written", {str(tmp_path / "written")!r}, "/usr/written", "/python/written", "/inside/written"):
    try: open(path, "w"); print("written")
    except OSError as error: print(type(error).__name__)
print("sk-planted" in str(os.environ), sorted(os.environ))
print([name for name in os.listdir("/") if name not in "usr bin lib lib64 proc dev box inside python".split()])
print(os.geteuid() == 0, open("/proc/self/status").read().split("CapEff:")[1].split()[0])
"""
    said = ask(tries)
    assert "sk-planted" not in said.replace("False", "")
    assert "root:" not in said
    assert "written\n" not in said
    assert "False ['LC_CTYPE', 'LD_LIBRARY_PATH', 'OPENBLAS_NUM_THREADS', 'PWD']\n[]\n" in said
    assert said.endswith("0000000000000000")
    assert os.listdir(tmp_path) == ["key"]


def test_there_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        said = ask(f"""
import socket
for address in (("127.0.0.1", {port}), ("1.1.1.1", 53)):
    try: socket.create_connection(address, 2); print("connected")
    except OSError as error: print("refused")
print([name for _, name in socket.if_nameindex()])
""")
        with pytest.raises(TimeoutError):
            server.accept()
    assert said == "refused\nrefused\n['lo']"


def test_two_sandboxes_do_not_count_each_others_processes():
    sleepers = "import os, time\nfor _ in range(20):\n    if os.fork() == 0: time.sleep(5); os._exit(0)\nprint('all')\n"
    said = []
    threads = [threading.Thread(target=lambda: said.append(ask(sleepers))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["all"] * 3


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (None, "no sandbox: bwrap is not installed. Code written by a model runs nowhere else"),
        (
            "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n",
            "bwrap does not start one here",
        ),
    ],
    ids=["no bwrap", "no user namespaces"],
)
def test_without_a_sandbox_nothing_is_verified(tool, said, tmp_path):
    """In a process of its own, whose PATH has another bwrap."""
    if tool:
        (tmp_path / "bwrap").write_text(tool)
        (tmp_path / "bwrap").chmod(0o755)
    (tmp_path / "ran.py").write_text(
        "from scope.verify.registry import verify_rows\n"
        f"if __name__ == '__main__': verify_rows([('code', 'p', {f'```{chr(10)}{GOOD}```'!r}, '', {STDIO!r})])\n"
    )
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(Path(scope.__file__).parents[1])}
    done = subprocess.run([sys.executable, tmp_path / "ran.py"], env=environment, capture_output=True, text=True)
    assert done.returncode
    assert "InputError: no sandbox: " in done.stderr
    assert said in done.stderr


def test_what_is_no_sandbox_is_found_out(monkeypatch):
    monkeypatch.setenv("SCOPE_TEACHER_API_KEY", "sk-planted")
    holes = " ".join(probe._holes([str(Path.home())]))
    assert "SCOPE_TEACHER_API_KEY" in holes
    assert f"{Path.home()} can be seen" in holes
    assert "other processes can be seen" in holes


def test_verdicts_in_the_pool_are_those_of_the_verifier():
    rows = [("code", "p", f"```\n{code}```", "", STDIO) for code in (GOOD, HOSTILE["exits with 0"], GOOD)]
    assert [verdict.correct for verdict in verify_rows(rows, workers=2)] == [True, False, True]
    with refused("missing-value", "domain 'code'", "tests"):
        verify_rows([("code", "p", "", "")])
    assert VERIFIERS["code"].deadline_s > VERIFIERS["math"].deadline_s
