"""Plans without files: what exists is a table, and settings are those of the demo."""

from types import SimpleNamespace

import yaml

from conftest import ROOT
from scope.artifacts.layout import Layout
from scope.config.experiment import VARIANTS, merge, read_config
from scope.planning.files import Files
from scope.planning.plan import make_plan


class Table(Files):
    """Files that exist, by path: what each records of its making."""

    def __init__(self):
        self.made = {}
        self.incomplete = set()
        self.digests = {}
        self.timings = []
        self.said = []

    def add(self, path, recipe="{}", inputs=(), **record):
        """A file, made by a recipe from inputs."""
        self.made[path] = {"recipe": yaml.safe_load(recipe), "inputs": dict.fromkeys(inputs, "as used"), **record}

    def delete(self, manifest):
        """The files behind a manifest; the manifest stays."""
        self.made.setdefault(manifest, {"recipe": {}, "inputs": {}})
        self.incomplete.add(manifest)

    def exists(self, path):
        return path in self.made

    def complete(self, manifest):
        return manifest in self.made and manifest not in self.incomplete

    def deleted(self, manifest):
        return manifest in self.made and manifest in self.incomplete

    def provenance(self, path):
        return self.made[path]

    def record(self, path):
        return self.made[path]

    def digest(self, path):
        return self.digests.get(path)

    def size(self, folder):
        return 2_000_000

    def matching(self, pattern):
        return self.timings


DEMO = merge(read_config(VARIANTS, ROOT / "config/config.yaml"), {"experiment": "x", "rounds": 2})
X = Layout("x")


def plan_of(table=None, **settings):
    """The plan of the demo, of two rounds, with other settings laid over it; `table.said` is what the user reads."""
    table = table or Table()
    return make_plan(merge(DEMO, settings), table.said.append, table)


def job(**wildcards):
    """A job, as rules hand it to the planning: numbers are text there."""
    return SimpleNamespace(**{name: str(value) for name, value in wildcards.items()})
