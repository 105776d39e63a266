"""Step metrics as they happen: a JSON line each, and Weights & Biases where its own variables ask for it.

WANDB_MODE (offline, online) and WANDB_PROJECT come from the environment, where the workflow puts the
configuration's `tracking`: they change what is watched, not what is computed, so they are no part of a recipe.
"""

import json
import os
from pathlib import Path
from typing import Any

from scope.artifacts.atomic import atomic
from scope.artifacts.partial import Unfinished
from scope.update.wandb_run import WandbRun


class Tracker:
    """Writes every step to `path` at once, and to W&B unless WANDB_MODE is unset or disabled.

    W&B gets no step twice, also where a killed attempt sent it after the last checkpoint: the step is written down in
    the unfinished `work` before it is sent.
    """

    def __init__(self, path: Path, work: Unfinished, *, run: str, folder: Path, config: dict[str, Any]):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed in close()
        self.record = work.folder / "tracked"
        self.sent = int(self.record.read_text(encoding="utf-8")) if self.record.is_file() else 0
        tracked = os.environ.get("WANDB_MODE", "disabled") != "disabled"
        self.run = WandbRun(run, folder, config) if tracked else None

    def log(self, row: dict[str, Any]) -> None:
        """One optimizer step: its `step` and figures."""
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        if self.run and self.run.run and row["step"] > self.sent:
            with atomic(self.record) as temporary:
                temporary.write_text(str(row["step"]), encoding="utf-8")
            self.run.log(row)

    def close(self) -> None:
        """Flush and finish."""
        self.file.close()
        if self.run:
            self.run.close()
