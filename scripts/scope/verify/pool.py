"""Many verdicts under deadlines: hostile answers meet workers that can be killed and are replaced.

Workers come from a fork server, so they inherit no torch and no threads. But each re-imports the module level of the
script that calls, as multiprocessing has it: such a script imports torch inside `main`.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from scope.errors import InputError
from scope.verify.api import verify_math
from scope.verify.registry import VERIFIERS, Verifier
from scope.verify.verdict import Reason, Verdict

MEMORY_BYTES = 4 << 30
START_S = 120.0


class Row(NamedTuple):
    """One response to judge, with the texts of its prompt."""

    domain: str
    problem: str
    response: str
    answer: str
    tests: str | None = None
    tolerance: float | None = None


def verify_rows(
    rows: Sequence[Row | tuple[str, str, str, str]],
    *,
    deadline_s: float | None = None,
    workers: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
    verifiers: Mapping[str, Verifier] = VERIFIERS,
) -> list[Verdict]:
    """Judge (domain, problem, response, answer, tests, tolerance) rows; verdicts come in the order of the rows.

    A row that takes longer than `deadline_s` seconds (default: its verifier's) earns nothing, with reason `timeout`;
    so does one that kills its worker (`memory_bytes` bounds a worker's address space) or makes its verifier raise, with
    reason `crashed`.
    `workers` defaults to the processors at hand. Raises InputError for a domain without verifier, for a problem that
    is none and where there is no sandbox for code, RuntimeError when workers cannot judge at all.
    """
    from tqdm import tqdm

    rows = [Row(*row) for row in rows]
    chosen = [_verifier(row.domain, verifiers) for row in rows]
    for verifier in set(chosen):
        verifier.prepare()
    with _pool(workers or len(os.sched_getaffinity(0)), memory_bytes) as pool:
        if any(verifier.isolated for verifier in chosen):
            _check_workers(pool)
        jobs = [
            _start(pool, verifier, row, deadline_s or verifier.deadline_s)
            for verifier, row in zip(chosen, rows, strict=True)
        ]
        progress = tqdm(jobs, desc="verify", unit=" verdicts", mininterval=2.0)
        return [job if isinstance(job, Verdict) else _outcome(pool, job) for job in progress]


def _verifier(domain: str, verifiers: Mapping[str, Verifier]) -> Verifier:
    if domain not in verifiers:
        raise InputError(f"domain {domain!r} has no verifier; prompts may have one of {', '.join(sorted(verifiers))}")
    return verifiers[domain]


@contextmanager
def _pool(workers: int, memory_bytes: int) -> Iterator[Any]:
    """A pool whose processes start with its first job and are gone at the end, whatever happens."""
    import multiprocessing

    from pebble import ProcessPool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["math_verify"])
    pool = ProcessPool(workers, initializer=_prepare_worker, initargs=[memory_bytes], context=context)
    try:
        yield pool
    finally:
        pool.stop()
        pool.join()


def _prepare_worker(memory_bytes: int) -> None:
    """Bound the worker's memory, and let a kill reach it in the midst of C code."""
    import resource
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _check_workers(pool: Any) -> None:
    """Workers that cannot judge 1 + 1 would find every response wrong."""
    verdict = _outcome(pool, pool.schedule(_judge, args=[verify_math, r"\boxed{1+1}", "2"], timeout=START_S))
    if not verdict.correct:
        raise RuntimeError(f"workers cannot judge 1 + 1 = 2 ({verdict.reason}): does the calling script import torch "
                           "outside `main`, or is the memory limit too tight?")  # fmt: skip


def _start(pool: Any, verifier: Verifier, row: Row, deadline_s: float) -> Any:
    """The verdict on a row, or its future where the verifier runs in a worker."""
    texts = row.response, getattr(row, verifier.against)
    if texts[1] is None:
        raise InputError(f"a prompt of domain {row.domain!r} has no {verifier.against}: {row.problem[:60]!r}")
    judge = verifier.judge if row.tolerance is None else partial(verifier.judge, tolerance=row.tolerance)
    if not verifier.isolated:
        return judge(*texts)
    return pool.schedule(_judge, args=[judge, *texts], timeout=deadline_s)


def _judge(judge: Callable[[str, str], Verdict], response: str, against: str) -> Verdict:
    try:
        return judge(response, against)
    except InputError:
        raise
    except BaseException:  # in a worker, where any failure is the response's own
        return Verdict.of(Reason.crashed)


def _outcome(pool: Any, future: Any) -> Verdict:
    from pebble import ProcessExpired

    # A pool that breaks leaves its futures unfinished for ever.
    while not wait([future], timeout=1.0).done:
        if not pool.active:
            raise RuntimeError("the pool of verifier workers broke; run the stage again")
    try:
        return future.result()
    except TimeoutError:
        return Verdict.of(Reason.timeout)
    except ProcessExpired:
        return Verdict.of(Reason.crashed)
