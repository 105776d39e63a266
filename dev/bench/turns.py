"""Measures a case: its sides in turns (A B A B ...), every measurement in a fresh process."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import Case, Side
from bench.store import Store, key_of
from scope.errors import InputError

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
WORKER = HERE / "worker.py"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where measurements run and are kept."""

    folder: Path
    store: Store
    code: str
    python: Callable[[str], Path]
    """The interpreter of an environment."""

    def case(self, case: Case, repeats: int) -> dict[str, list[Figures]]:
        """Figures of each repeat by side."""
        if case.work == "score":
            self._save_model(case)
        best = {side.name: self._best(case, side) for side in case.sides}
        figures: dict[str, list[Figures]] = {side.name: [] for side in case.sides}
        for repeat in range(1, repeats + 1):
            for side in case.sides:
                figures[side.name].append(self._figures(case, side, best[side.name], f"{repeat}/{repeats}"))
        return figures

    def _best(self, case: Case, side: Side) -> Mapping[str, Any]:
        """The choice of a side that is fastest when each is measured once."""
        tried = [(self._figures(case, side, choice, "choice")["seconds"], choice) for choice in side.choices]
        return min(tried, key=lambda pair: pair[0])[1] if tried else {}

    def _figures(self, case: Case, side: Side, options: Mapping[str, Any], repeat: str) -> Figures:
        spec = case.spec(side, options)
        key = key_of(spec, repeat.split("/")[0], self.code)
        label = " ".join([f"{case.name}: {side.name}", *(f"{name} {value}" for name, value in options.items()), repeat])
        found = self.store.get(key)
        if not found:
            print(f"{label}: measuring", flush=True)
            folder = str(self._model_folder(case))
            found = self.store.add(key, {**run(self.python(side.environment), spec | {"folder": folder}, label),
                                         "case": case.name, "side": side.name, "repeat": repeat.split("/")[0],
                                         "options": spec["options"], "code": self.code})  # fmt: skip
        print(f"{label}: {found['seconds']:.2f} s, {found['peak_mb'] - found['loaded_mb']:,.0f} MB added", flush=True)
        return found

    def _model_folder(self, case: Case) -> Path:
        return self.folder / "models" / "-".join(str(value) for value in case.shape.values())

    def _save_model(self, case: Case) -> None:
        folder = self._model_folder(case)
        if not (folder / "tokenizer.json").is_file():
            spec = {"work": "save", "environment": "scope", "shape": case.shape, "folder": str(folder)}
            run(self.python("scope"), spec, f"{case.name}: model")


def run(python: Path, spec: dict[str, Any], label: str) -> Figures:
    """One measuring process; returns what it wrote. Raises InputError with its last lines where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder, "spec.json"), Path(folder, "result.json")
        given.write_text(json.dumps(spec), encoding="utf-8")
        done = subprocess.run(
            [python, WORKER, given, result], cwd=folder, env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
        if done.returncode or not result.is_file():
            raise InputError(
                f"{label}: the measuring process ended with status {done.returncode}: {done.stdout[-3000:].strip()}; "
                "start again to resume, or leave the case out with --only",
                "command-failed",
            )
        return json.loads(result.read_text(encoding="utf-8"))
