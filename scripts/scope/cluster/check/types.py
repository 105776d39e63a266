"""Types of the cluster checks: verdicts, the profile, and what jobs request."""

from typing import Any, Literal, NamedTuple

from scope.artifacts.stages import ON_GPUS, REMOTE, RESOURCES

RULES, GPU_RULES, STAGE = REMOTE, ON_GPUS, RESOURCES


class Verdict(NamedTuple):
    """What one check found, in one sentence, and what to do where it is not ok."""

    level: Literal["ok", "warning", "FAILED"]
    subject: str
    sentence: str
    remedy: str = ""


class Profile(NamedTuple):
    """Settings of the controller in profiles and command line."""

    status_command: str
    init_seconds: int
    """Seconds before Snakemake first asks for the state of its jobs."""
    requeue: bool
    latency_wait: int
    """Seconds that Snakemake waits for files of a finished job."""


class Request(NamedTuple):
    """What the jobs of a rule request from SLURM."""

    rule: str
    resources: dict[str, Any]
    """By Snakemake's names: runtime in minutes, memory in MB, `gpu` on all nodes together."""
    threads: int
    options: list[str]
    """The options of sbatch that Snakemake's plugin makes of them."""

    @property
    def nodes(self) -> int:
        """Nodes of one job."""
        return self.resources.get("nodes") or 1

    @property
    def gpus(self) -> int:
        """GPUs of one job, on all its nodes together."""
        kind, _, rest = str(self.resources.get("gres") or "").partition(":")
        count = rest.rpartition(":")[2] if kind == "gpu" else "0"
        return self.resources.get("gpu") or self.nodes * (int(count) if count.isdigit() else 1)

    def partitions(self, known: dict[str, dict[str, str]]) -> list[str]:
        """The partitions that a job may go to: those named, or the cluster's default."""
        named = str(self.resources.get("slurm_partition") or "")
        return named.split(",") if named else [name for name, facts in known.items() if facts["Default"] == "YES"]
