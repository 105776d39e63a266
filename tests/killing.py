"""Commands that are killed in the middle, and files that are damaged."""

import os
import subprocess
import time

import psutil

from conftest import BIN, ROOT


def start_and_kill(command, kept, output, seconds="0.1"):
    """Start a command and end it with SIGKILL, its children too, as soon as a file that `kept` matches is there."""
    folder, pattern = kept
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "SCOPE_KEEP_SECONDS": seconds}
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    alive = process.poll() is None
    launcher = psutil.Process(process.pid)
    for one in (*launcher.children(recursive=True), launcher):  # torchrun's ranks are in sessions of their own
        one.kill()
    said = process.communicate()[0]
    assert alive, f"it was over before anything was kept:\n{said[-3000:]}"
    assert list(folder.glob(pattern)), said[-3000:]
    assert not output.exists(), "a killed attempt left an output"


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
