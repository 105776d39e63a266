"""Serve the teacher: one replica of the backend `managed`, in a SLURM job or by hand.

Starts `vllm serve`, writes an endpoint record when a real request was scored, renews it as long as that goes well, and
removes it at the end. SIGTERM, the end of the walltime and idleness drain it. Exit status: 0 drained, 2 failed.

Example: python scripts/serve_teacher.py --configfile mine.yaml
"""

import argparse

from scope import cli


def main() -> None:
    """Read the configuration, serve until a signal, the walltime or idleness ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", nargs="+", required=True, metavar="YAML")
    parser.add_argument("--host", help="address to bind (default: the SLURM node's, else loopback)")
    parser.add_argument("--config", nargs="*", metavar="KEY=VALUE", help="as in `snakemake --config`")
    args = parser.parse_args()

    from scope.run.arguments import overrides_in
    from scope.score.service.jobs import served_config, teacher_manifest
    from scope.score.service.vllm_serve import open_replica

    config = served_config(args.configfile, overrides_in(args.config))
    open_replica(config, teacher_manifest(config.experiment, args.configfile), args.host).run()


if __name__ == "__main__":
    cli.run(main)
