"""Many verdicts under deadlines: hostile answers meet workers that can be killed and are replaced.

Workers come from a fork server and import no torch. Each re-imports the module of the calling script, as
multiprocessing has it, so such a script keeps its heavy imports inside `main`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scope.errors import InputError
from scope.rewards import VERIFIERS, Reason, Verdict, Verifier, verify_math

DEADLINE_S = 10.0
MEMORY_BYTES = 4 << 30


class Row(NamedTuple):
    """One response to judge, with the texts of its prompt."""

    domain: str
    problem: str
    response: str
    answer: str


def verify_rows(
    rows: Sequence[Row | tuple[str, str, str, str]],
    *,
    deadline_s: float = DEADLINE_S,
    workers: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
    verifiers: Mapping[str, Verifier] = VERIFIERS,
) -> list[Verdict]:
    """Judge (domain, problem, response, answer) rows; verdicts come in the order of the rows.

    A row that takes longer than `deadline_s` seconds earns nothing with reason `timeout`; one that kills its worker
    (`memory_bytes` bounds a worker's address space) or whose verifier raises, with reason `crashed`. `workers`
    defaults to the processors at hand. Raises InputError for a domain without verifier or a problem that is none.
    """
    from tqdm import tqdm

    rows = [Row(*row) for row in rows]
    verdicts: dict[int, Verdict] = {}
    with tqdm(total=len(rows), desc="verify", unit=" verdicts", mininterval=2.0) as progress:
        pending = []
        for index, row in enumerate(rows):
            verifier = _verifier(row, verifiers)
            if verifier.isolated:
                pending.append((index, verifier, row))
            else:
                verdicts[index] = _judge(verifier, row)
                progress.update()
        while pending:
            pending = _judge_isolated(pending, verdicts, progress, deadline_s, workers, memory_bytes)
    return [verdicts[index] for index in range(len(rows))]
