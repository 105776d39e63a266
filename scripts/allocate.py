"""Run the workflow inside one SLURM allocation, or in a chain of them, with no queue between stages.

The controller runs on the first node, stages as steps with their share of the nodes (profiles/allocation). Before the
walltime ends the run stops cleanly, and the next allocation of the chain resumes it; a finished run ends the chain.

Example: python scripts/allocate.py --chain 4 --partition=gpu --nodes=3 --gres=gpu:8 --exclusive --time=12:00:00 \\
             -- --configfile config/paper_math.yaml
"""

import argparse
import sys

from scope import cli
from scope.cluster import allocation
from scope.slurm.parse import NodeResources


def main() -> None:
    """Submit, or run inside."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        usage="allocate.py [--chain N] [OPTIONS] SBATCH_OPTIONS ... -- SNAKEMAKE_ARGUMENTS ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--chain", type=int, default=1, metavar="N", help="allocations, one after the other")
    parser.add_argument(
        "--margin",
        type=float,
        default=600,
        metavar="SECONDS",
        help="time before the end from which no stage starts (default 600)",
    )
    parser.add_argument(
        "--teacher-share",
        type=int,
        nargs=3,
        default=[1, 8, 64000],
        metavar=("GPUS", "CPUS", "MB"),
        help="of each replica, where the teacher is a service (default 1 8 64000)",
    )
    parser.add_argument("--inside", action="store_true", help="run in the allocation that this process is in")
    own, arguments = cli.split(sys.argv[1:])
    args, options = parser.parse_known_args(own)
    if "--" not in sys.argv:
        parser.error("write `--` between the options of sbatch and the arguments of Snakemake")
    if args.inside:
        sys.exit(allocation.run_inside(arguments, args.margin, NodeResources(*args.teacher_share)))
    inside = ["--inside", "--margin", str(args.margin), "--teacher-share", *map(str, args.teacher_share)]
    command = [sys.executable, sys.argv[0], *inside, "--", *arguments]
    jobs, status = allocation.submit(options, arguments, command, args.chain, args.margin)
    print(f"submitted {' -> '.join(jobs)}; log: {allocation.LOGS}/allocation-{jobs[0]}.log")
    sys.exit(status)


if __name__ == "__main__":
    cli.run(main)
