"""How long a stage took until its work began: launchers, imports, models."""

import os
import sys
import time

VARIABLE = "SCOPE_STARTED"


def log_startup_time() -> None:
    """Say it in the log, once; workflow/stage.sh notes when a stage's command was started."""
    started = os.environ.pop(VARIABLE, None)
    if started:
        print(f"ready: {time.time() - float(started):.1f} s after the start", file=sys.stderr)
