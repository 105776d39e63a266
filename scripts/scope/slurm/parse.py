"""What SLURM's commands print, as facts."""

import re
import subprocess


def read_settings(text: str) -> dict[str, str]:
    """The settings that `scontrol show config` prints."""
    lines = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, equals, value in lines if equals}


def read_partitions(text: str) -> dict[str, dict[str, str]]:
    """The partitions that `scontrol --oneliner show partition` prints, by name."""
    records = (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines())
    return {record["PartitionName"]: record for record in records if record}


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


def ask(*command: str) -> str:
    """What a command prints, its complaints included, whatever its exit status."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.stdout.strip()
