"""A folder with a tiny teacher to serve by replicas, and its configuration."""

import subprocess
import time
from pathlib import Path

from conftest import BIN, ROOT
from scope.score.api_key import make_key, read_key
from scope.score.service.registry import Record, read_records

SERVICE = "{{heartbeat_s: 1, max_model_len: 1024, replicas: {replicas}, arguments: [--max-num-seqs, '4']}}"


class Experiment:
    """A folder with a tiny teacher to serve, and its configuration."""

    def __init__(self, folder, manifest, replicas=1):
        shared = folder / "results/smallest/shared"
        self.folder, self.records, self.logs = folder, shared / "teacher", shared / "logs"
        self.manifest = Path("results/smallest/shared/models/teacher/manifest.json")
        (folder / self.manifest).parent.parent.mkdir(parents=True)
        (folder / self.manifest.parent).symlink_to(manifest.parent)
        server = f"{{model: tiny, key_file: {folder}/teacher.key, timeout_s: 20, patience_s: 60}}"
        service = SERVICE.format(replicas=replicas)
        (folder / "mine.yaml").write_text(f"teacher: {{backend: managed, server: {server}, managed: {service}}}\n")
        self.files = ["--configfile", ROOT / "tests/configs/smallest.yaml", "mine.yaml"]
        make_key(folder / "teacher.key")
        self.key = read_key(folder / "teacher.key")

    def start(self):
        with open(self.folder / "replica.log", "w") as log:
            command = [BIN / "python", ROOT / "scripts/serve_teacher.py", *self.files]
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def wait_for_record(self, replica, seconds=150) -> Record:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if read_records(self.records):
                return read_records(self.records)[0]
            assert replica.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(self.log())

    def log(self):
        return (self.folder / "replica.log").read_text()
