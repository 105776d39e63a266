"""Read what SLURM's commands print: the queue, settings, partitions, an allocation. Text in, values out."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from scope.errors import InputError

# States of jobs that wait or run; those of a job that is over are not among them.
QUEUED = (
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "SUSPENDED",
    "STOPPED",
    "COMPLETING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "SIGNALING",
    "STAGE_OUT",
)
# The columns of squeue that read_text_queue expects; the comment is last, because it may hold any character.
COLUMNS = "%A|%T|%r|%E|%j|%Z|%k"


class Job(NamedTuple):
    """A job in the queue."""

    number: str
    state: str
    reason: str
    """Why it waits."""
    dependency: str
    """The jobs that it waits for, in sbatch's notation."""
    name: str
    folder: Path
    """Its working directory."""
    comment: str


def read_text_queue(text: str) -> list[Job]:
    """The jobs that `squeue --noheader --format=COLUMNS` prints."""
    rows = [line.split("|", COLUMNS.count("|")) for line in text.splitlines()]
    filled = [["" if value == "(null)" else value for value in row] for row in rows]
    return [Job(*values, folder=Path(folder), comment=comment) for *values, folder, comment in filled]


def read_json_queue(answer: Mapping[str, Any], user: int) -> list[Job]:
    """The jobs of a user that wait or run, in what `squeue --json` prints.

    SLURM 22.05 ignores squeue's filters there. A state is one word, or a list of a state and its flags (since 23.11).
    """
    jobs = []
    for job in answer["jobs"]:
        states = [job["job_state"]] if isinstance(job["job_state"], str) else job["job_state"]
        if job["user_id"] == user and not set(states).isdisjoint(QUEUED):
            reason, dependency, name, folder, comment = (
                job[key] for key in ("state_reason", "dependency", "name", "current_working_directory", "comment")
            )
            jobs.append(Job(str(job["job_id"]), states[0], reason, dependency, name, Path(folder), comment))
    return jobs


def read_settings(text: str) -> dict[str, str]:
    """The settings that `scontrol show config` prints."""
    lines = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, equals, value in lines if equals}


def read_partitions(text: str) -> dict[str, dict[str, str]]:
    """The partitions that `scontrol --oneliner show partition` prints, by name."""
    records = (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines())
    return {record["PartitionName"]: record for record in records if record}


class NodeResources(NamedTuple):
    """What one node gives to a job, or to a step of it."""

    gpus: int
    cpus: int
    mem_mb: int


class Allocation(NamedTuple):
    """What a SLURM job may use: CPUs, GPUs and memory of all its nodes together, and until when."""

    cpus: int
    gpus: int
    mem_mb: int
    end: float
    nodes: int
    node: NodeResources
    """The most that any one node has."""

    def without(self, number: int, share: NodeResources) -> "Allocation":
        """What is left where so many steps have their share."""
        taken = {name: getattr(self, name) - number * value for name, value in share._asdict().items()}
        return self._replace(**taken)


def read_allocation(text: str) -> Allocation:
    """The allocation that `scontrol --details show job` describes; TRES has GPUs only where a cluster accounts them."""
    resources = dict(item.split("=") for item in shown(r"\b(?:Alloc)?TRES=(\S+)", text).split(","))
    held = re.search(r"\bJOB_GRES=(\S+)", text)
    nodes = [read_node(line) for line in re.findall(r"\bNodes=\S+ (CPU_IDs=.*)", text)]
    return Allocation(
        cpus=int(resources["cpu"]),
        gpus=gpu_count(held[1]) if held else 0,
        mem_mb=megabytes(resources["mem"]),
        end=end_time(text) or float("inf"),
        nodes=int(resources["node"]),
        node=NodeResources(*map(max, zip(*nodes, strict=True))),
    )


def read_node(text: str) -> NodeResources:
    """What `CPU_IDs=0-3,8 Mem=12000 GRES=gpu:2(IDX:0-1)` gives of one node."""
    ranges = [part.split("-") for part in shown(r"CPU_IDs=(\S+)", text).split(",")]
    cpus = sum(int(bounds[-1]) - int(bounds[0]) + 1 for bounds in ranges)
    return NodeResources(gpu_count(text), cpus, int(shown(r"Mem=(\d+)", text)))


def shown(pattern: str, text: str) -> str:
    """What the group of `pattern` matches in SLURM's answer. Raises InputError where it matches nothing."""
    if match := re.search(pattern, text):
        return match[1]
    raise InputError(
        f"SLURM's answer has nothing of the form {pattern}: {text.strip()[:200] or 'it is empty'}", "unreadable-answer"
    )


def gpu_count(gres: str) -> int:
    """The GPUs in SLURM's notation of generic resources, such as gpu:h100:4,gpu:l4:2."""
    return sum(int(count) for count in re.findall(r"\bgpu:(?:[^:,(]+:)?(\d+)", gres))


def megabytes(size: str) -> int:
    """SLURM's notation of memory, such as 48000M or 2.50G, in MB."""
    unit = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return int(float(size[:-1]) * unit[size[-1]]) if size[-1] in unit else int(size)


def end_time(text: str) -> float | None:
    """The end of the walltime in what `scontrol show job` prints, in seconds since the epoch; None for no limit."""
    shown = re.search(r"\bEndTime=(\d\S+)", text)
    return datetime.fromisoformat(shown[1]).timestamp() if shown else None


def time_limit(text: str) -> str | None:
    """The walltime in what `scontrol show job` prints, in SLURM's notation; None for no limit."""
    shown = re.search(r"\bTimeLimit=([\d:-]+)", text)
    return shown[1] if shown else None


def minutes(text: str) -> float:
    """A time limit of SLURM ([days-]hours:minutes:seconds, or UNLIMITED) in minutes."""
    if text in ("UNLIMITED", "INFINITE", "NONE"):
        return float("inf")
    days, _, clock = text.rpartition("-")
    hours, minutes_, seconds = ([0, 0, 0] + [int(part) for part in clock.split(":")])[-3:]
    return int(days or 0) * 1440 + hours * 60 + minutes_ + seconds / 60


def seconds(text: str) -> int:
    """A duration that `scontrol show config` prints, such as `300 sec`, in seconds."""
    return int(text.split()[0])
