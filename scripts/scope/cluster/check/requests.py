"""What the jobs of a run request, from Snakemake's arguments and profiles."""

import argparse
import os
import shlex
from types import SimpleNamespace
from typing import Any

from scope.cluster.check.types import RULES, STAGE, Request
from scope.errors import InputError


def plugin_settings(args: argparse.Namespace) -> Any:
    """The settings of Snakemake's SLURM plugin, with its defaults."""
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    return ExecutorPluginRegistry().get_plugin("slurm").get_settings(args)


def shares(args: argparse.Namespace) -> list[Request]:
    """What each rule requests as a step of an allocation, without options of sbatch."""
    return [Request(rule, resources_of(args, rule), threads_of(args, rule), []) for rule in RULES]


def submitted(args: argparse.Namespace, rule: str, resources: dict[str, Any]) -> Request:
    """What Snakemake's plugin would ask SLURM for. Raises InputError with the plugin's words where it refuses."""
    from snakemake.exceptions import WorkflowError
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    job: Any = SimpleNamespace(threads=threads_of(args, rule), resources=Resources(resources))
    flags = {"account": "-A", "partition": "-p"}
    named = {name: resources.get(f"slurm_{name}") for name in flags}
    chosen = {name: f"{flags[name]} {shlex.quote(str(value))}" if value else "" for name, value in named.items()}
    facts = {"run_uuid": "check-cluster", "slurm_logfile": os.devnull, "comment_str": "", "workdir": os.getcwd()}
    try:
        command = get_submit_command(job, facts | chosen, plugin_settings(args)) + set_gres_string(job)
    except WorkflowError as error:
        raise InputError(f"set-resources of the rule {rule}: {error}", "refused-request") from None
    return Request(rule, resources, job.threads, shlex.split(command)[1:])


def resources_of(args: argparse.Namespace, rule: str) -> dict[str, Any]:
    """The resources of a rule's first attempt: those of the profiles over those of the rule over the defaults."""
    given = {**(args.default_resources or {}), **STAGE, **args.set_resources.get(rule, {})}
    context = {"input": [], "attempt": 1, "threads": threads_of(args, rule), "rulename": rule, "async_run": None}
    return {
        name: value if name in STAGE and value is STAGE[name] else value.evaluate(None, **context).value
        for name, value in given.items()
        if not name.startswith(("_", "disk", "tmpdir"))
    }


def threads_of(args: argparse.Namespace, rule: str) -> int:
    """The threads of a rule, which SLURM gives it as CPUs."""
    return args.set_threads[rule].value if rule in args.set_threads else 1


class Resources(dict):
    """Resources as the plugin reads them, by key or as attributes."""

    __getattr__ = dict.__getitem__
