"""A run of Weights & Biases that training never waits for long, and never fails for."""

import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

START_S, FINISH_S = 30.0, 60.0
"""How long to wait for the server at the start, and for the upload at the end."""


class WandbRun:
    """One run; where W&B cannot start it, a line in the log has the reason, and nothing is sent."""

    def __init__(self, name: str, folder: Path, config: dict[str, Any]):
        self.temporary = tempfile.TemporaryDirectory(prefix="scope-wandb-")
        self.run = None
        try:
            # One id per arm and seed: the rounds of an arm are one run, and `wandb sync` joins them.
            wandb = _import_wandb(self.temporary.name)
            self.run = wandb.init(
                id=name.replace("/", "-"),
                name=name,
                dir=folder,
                resume="allow",
                config=config,
                settings=wandb.Settings(silent=True, x_disable_stats=True, init_timeout=START_S),
            )
        except Exception as error:
            self._give_up(error)

    def log(self, row: dict[str, Any]) -> None:
        """Send a row of figures, with its `step`."""
        if self.run:
            try:
                self.run.log({name: value for name, value in row.items() if value is not None}, step=row["step"])
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.run = None
        print(f"W&B does not track this round: {' '.join(str(error).split())}", file=sys.stderr)

    def close(self) -> None:
        """Finish; what is not uploaded in time stays in the folder."""
        if self.run:
            thread = threading.Thread(target=self.run.finish, daemon=True)
            thread.start()
            thread.join(FINISH_S)
            if thread.is_alive():
                print(f"W&B uploads for over {FINISH_S:.0f} s; later: wandb sync {self.run.dir}/..", file=sys.stderr)
        self.temporary.cleanup()


def _import_wandb(temporary: str) -> Any:
    """The package; its two temporary folders lie in a given one, as an update ends without Python's own clean-up."""
    before, tempfile.tempdir = tempfile.tempdir, temporary
    try:
        import wandb
    finally:
        tempfile.tempdir = before
    return wandb
