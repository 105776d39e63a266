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
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier

MEMORY_BYTES = 4 << 30
START_S = 120.0


class Row(NamedTuple):
    """One response to verify, with the texts of its prompt."""

    domain: str
    problem: str
    response: str
    answer: str
    tests: str | None = None
    tolerance: float | None = None


def verify_rows(
    rows: Sequence[Row | tuple[str, str, str, str]],
    *,
    verifiers: Mapping[str, Verifier],
    deadline_s: float | None = None,
    workers: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> list[Verdict]:
    """Verify (domain, problem, response, answer, tests, tolerance) rows; verdicts come in the order of the rows.

    `verifiers` holds one per domain. A row that takes longer than `deadline_s` seconds (default: its verifier's) is not
    correct, with reason `timeout`; nor is one that kills its worker (`memory_bytes` bounds a worker's address space) or
    makes its verifier raise, with reason `crashed`.
    `workers` defaults to the available processors. Raises InputError for a domain without verifier, for a problem that
    is not valid and where there is no sandbox for code, RuntimeError when workers cannot verify at all.
    """
    from tqdm import tqdm

    rows = [row if isinstance(row, Row) else Row(*row) for row in rows]
    chosen = [_verifier(row.domain, verifiers) for row in rows]
    used = set(chosen)
    for verifier in used:
        verifier.prepare()
    preload = sorted({name for verifier in used for name in verifier.preload})
    with _pool(workers or len(os.sched_getaffinity(0)), memory_bytes, preload) as pool:
        for verifier in used:
            _check_workers(pool, verifier)
        jobs = [
            _start(pool, verifier, row, deadline_s or verifier.deadline_s)
            for verifier, row in zip(chosen, rows, strict=True)
        ]
        progress = tqdm(jobs, desc="verify", unit=" verdicts", mininterval=2.0)
        return [job if isinstance(job, Verdict) else _outcome(pool, job) for job in progress]


def _verifier(domain: str, verifiers: Mapping[str, Verifier]) -> Verifier:
    if domain not in verifiers:
        raise InputError(
            f"domain {domain!r} has no verifier; prompts may have one of {', '.join(sorted(verifiers))}", "no-verifier"
        )
    return verifiers[domain]


@contextmanager
def _pool(workers: int, memory_bytes: int, preload: list[str]) -> Iterator[Any]:
    """A pool whose processes start with its first job and are gone at the end, whatever happens."""
    import multiprocessing

    from pebble import ProcessPool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload)
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


def _check_workers(pool: Any, verifier: Verifier) -> None:
    """Workers that do not find a correct response correct would find every response wrong."""
    if not verifier.isolated or verifier.known is None:
        return
    verdict = _outcome(pool, pool.schedule(_verify, args=[verifier.verify, *verifier.known], timeout=START_S))
    if not verdict.correct:
        known = verifier.known[0]
        raise RuntimeError(
            f"workers do not find {known!r} correct ({verdict.reason}): does the calling script import torch outside "
            "`main`, or is the memory limit too tight?"
        )


def _start(pool: Any, verifier: Verifier, row: Row, deadline_s: float) -> Any:
    """The verdict on a row, or its future where the verifier runs in a worker."""
    texts = row.response, getattr(row, verifier.against)
    if texts[1] is None:
        raise InputError(
            f"a prompt of domain {row.domain!r} has no {verifier.against}: {row.problem[:60]!r}", "missing-value"
        )
    verify = verifier.verify if row.tolerance is None else partial(verifier.verify, tolerance=row.tolerance)
    if not verifier.isolated:
        return verify(*texts)
    return pool.schedule(_verify, args=[verify, *texts], timeout=deadline_s)


def _verify(verify: Callable[[str, str], Verdict], response: str, against: str) -> Verdict:
    try:
        return verify(response, against)
    except InputError:
        raise
    except BaseException:  # in a worker, where any failure is the response's own
        return Verdict.of(Reason.crashed)


def _outcome(pool: Any, future: Any) -> Verdict:
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    try:
        # A pool that breaks may leave its futures unfinished for ever.
        while not wait([future], timeout=1.0).done:
            if not pool.active:
                raise BrokenProcessPool
        return future.result()
    except BrokenProcessPool:
        raise RuntimeError("the pool of verifier workers broke; run the stage again") from None
    except TimeoutError:
        return Verdict.of(Reason.timeout)
    except ProcessExpired:
        return Verdict.of(Reason.crashed)
