"""All checks of a cluster: first SLURM's settings, then what jobs find on its nodes."""

import itertools
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from scope.cluster.check import checks
from scope.cluster.check.findings import check_node
from scope.cluster.check.probing import Probe, wait_for
from scope.cluster.check.types import Profile, Request, Verdict
from scope.config.experiment import Config, expand_path
from scope.slurm.commands import ask, attempt
from scope.slurm.executor import PLUGIN
from scope.slurm.parse import read_partitions, read_settings

MODULES = ("torch", "transformers", "deepspeed", "vllm", "polars")
SCRIPT = Path(__file__).resolve().parents[3] / "probe_node.py"


@dataclass(frozen=True)
class Survey:
    """What a run would request from a cluster."""

    config: Config
    profile: Profile
    requests: Sequence[Request]
    probes: Sequence[Request]
    """Small jobs, one for each kind of node."""
    deployment: str
    """Snakemake's software deployment; empty where stages run this Python."""

    def ask_slurm(self) -> Iterator[Verdict]:
        """Verdicts on SLURM's settings; without SLURM there is one, which has failed."""
        if not shutil.which("sbatch") or "is UP" not in attempt("scontrol", "ping").text:
            yield Verdict("FAILED", "SLURM", "no controller answers", "log in to a node that may submit jobs")
            return
        yield Verdict("ok", "SLURM", f"{ask('sinfo', '--version').strip()} answers")
        yield checks.check_plugin(version(PLUGIN))
        settings = read_settings(ask("scontrol", "show", "config"))
        partitions = read_partitions(ask("scontrol", "--oneliner", "show", "partition"))
        yield from checks.check_controller(settings, self.profile)
        yield checks.check_account(settings, self.requests)
        used = {request.rule: request.partitions(partitions) for request in self.requests}
        for name in dict.fromkeys(itertools.chain(*used.values())):
            requests = [request for request in self.requests if name in used[request.rule]]
            yield from checks.check_partition(name, partitions, requests, settings)
        yield from self.try_requests()
        yield from checks.check_gpus(self.requests, self.config.update.ranks)
        yield from checks.check_durations(self.requests, self.config)

    def try_requests(self) -> Iterator[Verdict]:
        """Whether SLURM can schedule the jobs of each rule; rules with equal requests share a verdict."""
        groups: dict[tuple[str, ...], list[Request]] = {}
        for request in self.requests:
            groups.setdefault(tuple(request.options), []).append(request)
        offers = ask("sinfo", "--noheader", "--format=%D x %c CPUs, %m MB, %G in %R").splitlines()
        for options, group in groups.items():
            answer = attempt("sbatch", "--test-only", *options, "--wrap", "true").text
            yield checks.check_fit(group, answer, "; ".join(offers))

    def check_nodes(self, patience_s: float) -> Iterator[Verdict]:
        """Verdicts on each kind of node from a short job on it; jobs may queue for `patience_s` seconds."""
        modules = () if self.deployment else MODULES
        if self.deployment:
            yield Verdict(
                "warning",
                "environment",
                f"stages use {self.deployment}, which is not checked",
                "`snakemake --conda-create-envs-only` creates the environments before the run",
            )
        models = [model.path for model in (self.config.models.student, self.config.models.teacher) if model.path]
        asked = {"modules": modules, "models": [str(Path(expand_path(path)).resolve()) for path in models]}
        with tempfile.TemporaryDirectory(prefix=".check-cluster-", dir=".", ignore_cleanup_errors=True) as folder:
            probes = [
                Probe(r.rule, r.gpus, Path(folder).resolve() / str(n), r.options) for n, r in enumerate(self.probes)
            ]
            try:
                for probe in probes:
                    probe.submit(shlex.join([sys.executable, str(SCRIPT), str(probe.folder)]), asked)
                wait_for([probe for probe in probes if probe.job], patience_s, self.profile.latency_wait)
                for probe in probes:
                    yield from check_node(probe, self.profile)
            finally:
                submitted = [probe.job for probe in probes if probe.job]
                if submitted:
                    attempt("scancel", *submitted)
