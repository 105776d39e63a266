"""Verdicts on what probe jobs found on their nodes."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from scope.cluster.check.probing import Probe
from scope.cluster.check.types import Profile, Verdict

CLOCKS_S = 2.0


def judge(probe: Probe, profile: Profile) -> Iterator[Verdict]:
    """Verdicts on what a probe found on its node, or on why it found nothing."""
    found = probe.found
    if found is None:
        yield judge_silence(probe)
        return
    place = f"{probe.place}, {found['host']}"
    yield from judge_shared_folder(place, found, profile.latency_wait)
    yield from judge_modules(place, found)
    if probe.gpus:
        yield judge_gpus(place, probe.gpus, **found["gpus"])
    for path, fault in found["models"].items():
        yield (Verdict("FAILED", place, f"model {path}: {fault}", "put models where every node can read them") if fault
               else Verdict("ok", place, f"model {path} is readable"))  # fmt: skip
    if found["sandbox"]:
        yield Verdict("warning", place, f"no sandbox: {found['sandbox']}",
                      "code verdicts will need bubblewrap and user namespaces; mathematics needs neither")  # fmt: skip


def judge_silence(probe: Probe) -> Verdict:
    """A job that never answered was refused, still queues, failed, or wrote to a folder that is not this one."""
    if probe.refusal:
        return Verdict("FAILED", probe.place, f"SLURM refuses a small job: {probe.refusal}", "see the verdicts above")
    if probe.state.startswith("PENDING"):
        return Verdict("warning", probe.place, f"job {probe.job} is still queued, its node was not looked at: "
                       f"{probe.state}", "check again with a longer --patience, or at another time")  # fmt: skip
    log = probe.folder / "log"
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    words = last[0] if last else "it left no log here"
    return Verdict("FAILED", probe.place, f"job {probe.job} ended without an answer: {words}",
                   "the working folder and this Python have to be on a file system that nodes share")  # fmt: skip


def judge_shared_folder(place: str, found: dict[str, Any], latency_s: int) -> Iterator[Verdict]:
    """Files have to be seen from the other side before Snakemake gives them up, and clocks to agree."""
    took, skew = found["round_trip"], found["skew"]
    if took is None:
        yield Verdict("FAILED", place, "the controller's files were never seen on the node",
                      "the working folder has to be on a file system that nodes share")  # fmt: skip
        return
    if took > latency_s:
        yield Verdict("FAILED", place, f"files took {took:.1f} s there and back, latency-wait is {latency_s} s",
                      f"set latency-wait to {ceil(2 * took)}")  # fmt: skip
    else:
        yield Verdict("ok", place, f"shared folder: {took:.1f} s there and back, latency-wait is {latency_s} s")
    if abs(skew) - took / 2 > CLOCKS_S:
        yield Verdict("warning", place, f"the controller's clock is {skew:+.0f} s off the node's",
                      "file times decide what runs again: have the clocks synchronised")  # fmt: skip


def judge_modules(place: str, found: dict[str, Any]) -> Iterator[Verdict]:
    """Stages run the Python that was probed."""
    for name, result in found["modules"].items():
        if "error" in result:
            yield Verdict("FAILED", place, f"import {name}: {result['error']}",
                          f"install it beside {found['python']}, or let stages use conda (--sdm conda)")  # fmt: skip
    versions = [f"{name} {result['version']}" for name, result in found["modules"].items() if "version" in result]
    if versions:
        yield Verdict("ok", place, f"imports {', '.join(versions)}")


def judge_gpus(
    place: str, asked: int, visible: str, cuda: str | None = None, names: list[str] | None = None
) -> Verdict:
    """SLURM has to give the GPUs that were asked for, and torch to see them."""
    given = len(visible.split(",")) if visible else 0
    if given != asked:
        return Verdict("FAILED", place, f"{asked} GPUs asked for, CUDA_VISIBLE_DEVICES is {visible!r}",
                       "mend gpu, gpu_model or gres under set-resources")  # fmt: skip
    if cuda is None:
        return Verdict("warning", place, f"CUDA_VISIBLE_DEVICES={visible} as asked, but this torch has no CUDA",
                       "install the CUDA build of torch in this environment")  # fmt: skip
    if len(names or []) != asked:
        return Verdict("FAILED", place, f"torch (CUDA {cuda}) sees {len(names or [])} of {asked} GPUs",
                       "compare the node's driver (nvidia-smi) with torch's CUDA")  # fmt: skip
    return Verdict("ok", place, f"torch (CUDA {cuda}) sees {', '.join(names)}")
