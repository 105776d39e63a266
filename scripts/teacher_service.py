"""The teacher as a service: start its replicas as SLURM jobs, list them, stop them.

start   submits the replicas that are missing from teacher.managed.replicas, with sbatch's options after `--`
status  prints a table of them
stop    lets them finish their requests, and waits until they have ended
where   prints the environment variable with which a stage started by hand finds them, for `eval`

Example: python scripts/teacher_service.py start --configfile mine.yaml -- --gres=gpu:1 --time=24:00:00
"""

import argparse
import shlex
import sys

from scope import cli
from scope.config.experiment import open_config
from scope.score.api_key import make_key
from scope.score.connection import VARIABLE, to_text
from scope.score.from_config import need_connection
from scope.score.service import jobs


def main() -> None:
    """Parse, do one of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["start", "status", "stop", "where"])
    parser.add_argument("--configfile", nargs="+", required=True, metavar="YAML")
    own, options = cli.split(sys.argv[1:])
    args = parser.parse_args(own)
    if args.command == "where":
        print(where(args.configfile))
        return
    config = jobs.served_config(args.configfile)
    connection = need_connection(config.teacher, config.experiment)
    if args.command == "start":
        jobs.teacher_manifest(config.experiment, args.configfile)
        make_key(connection.key_file)
        replicas = config.teacher.managed.replicas
        made = jobs.start(config.experiment, connection.folder, replicas, args.configfile, options)
        print(f"{replicas} wanted, {len(made)} submitted: {' '.join(made) or 'none was missing'}")
    elif args.command == "stop":
        print(f"stopped: {' '.join(jobs.stop(config.experiment, connection.folder)) or 'there was none'}")
    else:
        print(jobs.status(config.experiment, connection.folder))


def where(configfiles: list[str]) -> str:
    """A line of shell that sets the variable with the addresses of an experiment's servers."""
    config = open_config(*configfiles)
    return f"export {VARIABLE}={shlex.quote(to_text(need_connection(config.teacher, config.experiment)))}"


if __name__ == "__main__":
    cli.run(main)
