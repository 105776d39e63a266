"""Measure how fast verdicts on mathematics come, beside bare math-verify in the same pool of workers.

Every answer of a file is boxed and compared with itself and with the next one; one response in a hundred is
hostile, and costs its deadline or ends at once.

Example: python dev/measure_verdicts.py --rows $SCOPE_DATA/deepmath_sample.parquet
"""

import argparse
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import library  # noqa: F401
from scope import cli
from scope.errors import InputError
from scope.verify.pool import Row, verify_rows
from scope.verify.registry import VERIFIERS
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier

HOSTILE = (
    "9^{9^{9^9}}",
    r"\binom{10^9}{5 \cdot 10^8}",
    r"\sum_{k=1}^{10^9} k^k",
    "(" * 900 + "8" + ")" * 900,
    r"\int_0^1 \frac{\log(1+x^{2+\sqrt{3}})}{1+x}\,dx",
    r"\frac{1" * 150 + "}{2}" * 150,
)


def main() -> None:
    """Read the answers, verify with both verifiers, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True, metavar="PARQUET", help="a file with a column of answers")
    parser.add_argument("--answer", default="answer", metavar="COLUMN", help="its name (default: answer)")
    parser.add_argument("--hostile", type=float, default=0.01, metavar="SHARE", help="of hostile responses (0.01)")
    parser.add_argument("--deadline", type=float, default=VERIFIERS["math"].deadline_s, metavar="SECONDS",
                        help="of one verdict (default: that of verdicts on mathematics)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes that verify (default 2)")
    args = parser.parse_args()
    rows = build_rows(read_answers(args.rows, args.answer), args.hostile)
    bare = VERIFIERS["math"]._replace(verify=bare_math_verify)
    print(f"{len(rows)} verdicts, {args.hostile:.0%} hostile, {args.workers} workers, {args.deadline:g} s each at most")
    speeds = [measure(name, verifier, rows, args) for name, verifier in (("scope", VERIFIERS["math"]), ("bare", bare))]
    print(f"scope / bare math-verify: {speeds[0] / speeds[1]:.2f}")


def read_answers(path: str, column: str) -> list[str]:
    """The answers of a Parquet file as text."""
    import polars as pl

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; --rows names a Parquet file with a column of answers", "no-such-file")
    table = pl.read_parquet(path)
    if column not in table.columns:
        raise InputError(
            f"{path}: no column {column!r}; --answer names one of {', '.join(table.columns)}", "missing-column"
        )
    return [str(answer) for answer in table[column]]


def build_rows(answers: list[str], hostile: float) -> list[Row]:
    """Each answer against itself and against the next, the hostile ones spread evenly among them."""
    pairs = [
        pair
        for one, other in zip(answers, answers[1:] + answers[:1], strict=True)
        for pair in ((one, one), (one, other))
    ]
    boxes = cycle(HOSTILE)
    every = round(1 / hostile) if hostile else len(pairs) + 1
    return [
        Row("math", "", rf"Therefore \boxed{{{next(boxes) if (index + 1) % every == 0 else one}}}.", other)
        for index, (one, other) in enumerate(pairs)
    ]


def measure(name: str, verifier: Verifier, rows: list[Row], args: argparse.Namespace) -> float:
    """Verify all rows, print a line; returns verdicts a second."""
    started = time.monotonic()
    verdicts = verify_rows(rows, deadline_s=args.deadline, workers=args.workers, verifiers={"math": verifier})
    seconds = time.monotonic() - started
    counts = Counter(verdict.reason.value for verdict in verdicts)
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    print(f"{name:6} {seconds:7.1f} s {len(rows) / seconds:7.0f} a second: {reasons}", flush=True)
    return len(rows) / seconds


def bare_math_verify(response: str, answer: str) -> Verdict:
    """math-verify alone, with its defaults but for its timers, which work in a main thread only."""
    from math_verify import parse, verify

    equal = verify(
        parse(rf"\boxed{{{answer}}}", parsing_timeout=0), parse(response, parsing_timeout=0), timeout_seconds=None
    )
    return Verdict.of(Reason.correct if equal else Reason.wrong)


if __name__ == "__main__":
    cli.run(main)
