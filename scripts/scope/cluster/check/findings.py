"""Check what probe jobs found on their nodes."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from scope.cluster.check.probing import Probe
from scope.cluster.check.types import Profile, Verdict

CLOCKS_S = 2.0


def check_node(probe: Probe, profile: Profile) -> Iterator[Verdict]:
    """Verdicts on what a probe found on its node, or on why it did not report."""
    found = probe.found
    if found is None:
        yield check_missing_report(probe)
        return
    place = f"{probe.place}, {found['host']}"
    yield from check_shared_folder(place, found, profile.latency_wait)
    yield from check_modules(place, found)
    if probe.gpus:
        yield check_gpus(place, probe.gpus, **found["gpus"])
    for path, error in found["models"].items():
        if error:
            yield Verdict("FAILED", place, f"model {path}: {error}", "put models where every node can read them")
        else:
            yield Verdict("ok", place, f"model {path} is readable")
    if found["sandbox"]:
        yield Verdict(
            "warning",
            place,
            f"no sandbox: {found['sandbox']}",
            "code verdicts will need bubblewrap and user namespaces; mathematics needs neither",
        )


def check_missing_report(probe: Probe) -> Verdict:
    """A job that did not report was refused, is still queued, failed, or cannot see this folder."""
    if probe.refusal:
        return Verdict("FAILED", probe.place, probe.refusal, "see the verdicts above")
    if probe.state.startswith("PENDING"):
        return Verdict(
            "warning",
            probe.place,
            f"job {probe.job} is still queued, its node was not checked: {probe.state}",
            "check again with a longer --patience, or at another time",
        )
    log = probe.folder / "log"
    last = log.read_text(errors="replace", encoding="utf-8").strip().splitlines()[-1:] if log.exists() else []
    reason = last[0] if last else "it left no log here"
    return Verdict(
        "FAILED",
        probe.place,
        f"job {probe.job} ended without a report: {reason}",
        "the working folder and this Python have to be on a file system that nodes share",
    )


def check_shared_folder(place: str, found: dict[str, Any], latency_s: int) -> Iterator[Verdict]:
    """Whether files become visible on other machines within `latency-wait`, and clocks agree."""
    took, skew = found["round_trip"], found["skew"]
    if took is None:
        yield Verdict(
            "FAILED",
            place,
            "the controller's files never became visible on the node",
            "the working folder has to be on a file system that nodes share",
        )
        return
    if took > latency_s:
        yield Verdict(
            "FAILED",
            place,
            f"files took {took:.1f} s there and back, latency-wait is {latency_s} s",
            f"set latency-wait to {ceil(2 * took)}",
        )
    else:
        yield Verdict("ok", place, f"shared folder: {took:.1f} s there and back, latency-wait is {latency_s} s")
    if abs(skew) - took / 2 > CLOCKS_S:
        yield Verdict(
            "warning",
            place,
            f"the controller's clock is {skew:+.0f} s off the node's",
            "file times decide what runs again: have the clocks synchronised",
        )


def check_modules(place: str, found: dict[str, Any]) -> Iterator[Verdict]:
    """Whether the Python that stages run can import what they need."""
    for name, result in found["modules"].items():
        if "error" in result:
            yield Verdict(
                "FAILED",
                place,
                f"import {name}: {result['error']}",
                f"install it beside {found['python']}, or let stages use conda (--sdm conda)",
            )
    versions = [f"{name} {result['version']}" for name, result in found["modules"].items() if "version" in result]
    if versions:
        yield Verdict("ok", place, f"imports {', '.join(versions)}")


def check_gpus(place: str, asked: int, visible: str, cuda: str | None = None, names: Sequence[str] = ()) -> Verdict:
    """Whether SLURM gives the requested GPUs, and torch sees them."""
    given = len(visible.split(",")) if visible else 0
    if given != asked:
        return Verdict(
            "FAILED",
            place,
            f"{asked} GPUs requested, CUDA_VISIBLE_DEVICES is {visible!r}",
            "correct gpu, gpu_model or gres under set-resources",
        )
    if cuda is None:
        return Verdict(
            "warning",
            place,
            f"CUDA_VISIBLE_DEVICES={visible} as requested, but this torch has no CUDA",
            "install the CUDA build of torch in this environment",
        )
    if len(names) != asked:
        return Verdict(
            "FAILED",
            place,
            f"torch (CUDA {cuda}) sees {len(names)} of {asked} GPUs",
            "compare the node's driver (nvidia-smi) with torch's CUDA",
        )
    return Verdict("ok", place, f"torch (CUDA {cuda}) sees {', '.join(names)}")
