"""Check whether a SLURM cluster fits a run before any GPU hour is spent; changes nothing.

Takes the arguments of `snakemake` (`--profile slurm` is added where no profile is given), reads the profiles as
Snakemake does, asks SLURM, and sends a short job to each kind of node. Each check reports ok, warning or FAILED,
and what to do.

Example: python scripts/check_cluster.py --workflow-profile ~/my-site --configfile config/paper_math.yaml
"""

import argparse
import os
import sys
from pathlib import Path

from scope import cli
from scope.cluster.check.requests import plugin_settings, resources_of, submitted
from scope.cluster.check.survey import Survey
from scope.cluster.check.types import RULES, Profile, Request, Verdict
from scope.errors import InputError
from scope.run.arguments import check_profile, command_line, configuration_of, parse

ROOT = Path(__file__).resolve().parent.parent
PROBE = {"nodes": 1, "runtime": 10}
PROBE_MB = 16_000
# The resources that a probe copies from the requests that it represents; another number of GPUs needs another probe.
KIND = ("slurm_partition", "slurm_account", "constraint", "qos", "gpu_model", "gres", "gpu")


def main() -> None:
    """Check, print each verdict, end with status 1 where any failed."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit status: 0 nothing failed, 1 something failed, 2 bad input. All other arguments go to Snakemake.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--no-jobs", action="store_true", help="ask SLURM only, submit nothing")
    parser.add_argument(
        "--patience", type=float, default=10, metavar="MINUTES", help="how long the short jobs may queue (default: 10)"
    )
    own, arguments = parser.parse_known_args()
    os.chdir(ROOT)
    survey = read_survey(arguments)
    levels = [show(verdict) for verdict in survey.ask_slurm()]
    if levels[0] == "ok" and not own.no_jobs:
        levels += [show(verdict) for verdict in survey.check_nodes(own.patience * 60)]
    print(", ".join(f"{levels.count(level)} {level}" for level in ("ok", "warning", "FAILED")))
    sys.exit(1 if "FAILED" in levels else 0)


def show(verdict: Verdict) -> str:
    """Print a verdict, and below it the remedy; returns its level."""
    print(f"{verdict.level:8} {verdict.subject}: {verdict.sentence}", flush=True)
    if verdict.remedy:
        print(f"{'':8} -> {verdict.remedy}", flush=True)
    return verdict.level


def read_survey(arguments: list[str]) -> Survey:
    """What a run with these arguments of Snakemake would request. Raises InputError for another executor."""
    check_profile(arguments)
    chosen = [] if command_line(arguments).profile else ["--profile", "slurm"]
    args = parse([*chosen, *arguments])
    if args.executor != "slurm":
        raise InputError(
            f"the executor of these profiles is {args.executor}, not slurm; give --profile slurm", "other-executor"
        )
    requests = [submitted(args, rule, resources_of(args, rule)) for rule in RULES]
    slurm = plugin_settings(args)
    profile = Profile(
        slurm.status_command or "sacct", slurm.init_seconds_before_status_checks, slurm.requeue, args.latency_wait
    )
    deployment = " ".join(sorted(map(str, args.software_deployment_method or [])))
    return Survey(configuration_of(args), profile, requests, probes(args, requests), deployment)


def probes(args: argparse.Namespace, requests: list[Request]) -> list[Request]:
    """Small jobs, one for each partition, kind and number of GPUs on a node; without GPUs where no job has any."""
    made = {}
    for asked in sorted(requests, key=lambda asked: -asked.gpus):
        kind = {key: asked.resources[key] for key in KIND if asked.resources.get(key)}
        gpus = asked.gpus // asked.nodes
        if "gpu" in kind:
            kind["gpu"] = gpus
        place = f"{kind.get('slurm_partition', 'default partition')}, {gpus} {'GPU' if gpus == 1 else 'GPUs'}"
        if gpus or not any(other.startswith(place.rpartition(", ")[0]) for other in made):
            small = {**kind, **PROBE, "mem_mb": min(asked.resources["mem_mb"], PROBE_MB)}
            made.setdefault(place, submitted(args, place, small))
    return list(made.values())


if __name__ == "__main__":
    cli.run(main)
