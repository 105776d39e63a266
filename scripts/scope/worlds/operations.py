"""The operations that Functions are made of (functions.py): what they are called, and how Python writes them.

Variables are named after their kind: an integer n, a list of integers xs, a text s.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple


class Operation(NamedTuple):
    """From one kind of value to another."""

    takes: str
    gives: str
    phrase: str
    """What it does, with {k} for its constant."""
    forms: tuple[str, ...]
    """Expressions of equal value; the first is the canonical one."""
    constants: tuple[Any, ...] = (None,)


class Step(NamedTuple):
    """An operation with its constant."""

    operation: Operation
    constant: Any

    @property
    def takes(self) -> str:
        """The kind of value that it takes."""
        return self.operation.takes

    @property
    def gives(self) -> str:
        """The kind of value that it gives."""
        return self.operation.gives

    @property
    def phrase(self) -> str:
        """What it does, in words."""
        return self.operation.phrase.format(k=self.constant)

    @property
    def forms(self) -> tuple[str, ...]:
        """How it can be written; the first is the canonical one."""
        return tuple(form.format(k=self.constant) for form in self.operation.forms)


DIGITS, FACTORS, FEW, LETTERS = tuple(range(1, 10)), tuple(range(2, 10)), (1, 2, 3), tuple("abcde")
OPERATIONS = (
    Operation("n", "n", "add {k}", ("n + {k}", "{k} + n"), DIGITS),
    Operation("n", "n", "subtract {k}", ("n - {k}", "-{k} + n"), DIGITS),
    Operation("n", "n", "multiply by {k}", ("n * {k}", "{k} * n"), FACTORS),
    Operation("n", "n", "take the remainder by {k}", ("n % {k}", "n - n // {k} * {k}"), FACTORS),
    Operation("n", "n", "square it", ("n * n", "n ** 2")),
    Operation("n", "n", "negate it", ("-n", "0 - n")),
    Operation("n", "n", "take its absolute value", ("abs(n)", "max(n, -n)")),
    Operation("xs", "xs", "add {k} to each", ("[x + {k} for x in xs]", "[{k} + x for x in xs]"), DIGITS),
    Operation("xs", "xs", "multiply each by {k}", ("[x * {k} for x in xs]", "[{k} * x for x in xs]"), FACTORS),
    Operation("xs", "xs", "square each", ("[x * x for x in xs]", "[x ** 2 for x in xs]")),
    Operation("xs", "xs", "keep those above {k}", ("[x for x in xs if x > {k}]", "[x for x in xs if {k} < x]"), DIGITS),
    Operation("xs", "xs", "keep those below {k}", ("[x for x in xs if x < {k}]", "[x for x in xs if {k} > x]"), DIGITS),
    Operation(
        "xs",
        "xs",
        "keep multiples of {k}",
        ("[x for x in xs if x % {k} == 0]", "[x for x in xs if not x % {k}]"),
        (2, 3, 4, 5),
    ),
    Operation("xs", "xs", "drop the first {k}", ("xs[{k}:]", "list(xs[{k}:])"), FEW),
    Operation("xs", "xs", "keep the first {k}", ("xs[:{k}]", "list(xs[:{k}])"), FEW),
    Operation("xs", "xs", "reverse it", ("xs[::-1]", "list(reversed(xs))")),
    Operation("xs", "xs", "sort it", ("sorted(xs)", "sorted(list(xs))")),
    Operation("xs", "n", "take the sum", ("sum(xs)", "sum(x for x in xs)")),
    Operation("xs", "n", "take the length", ("len(xs)", "sum(1 for x in xs)")),
    Operation("xs", "n", "take the largest, or 0", ("max(xs, default=0)", "max(xs) if xs else 0")),
    Operation("xs", "n", "take the smallest, or 0", ("min(xs, default=0)", "min(xs) if xs else 0")),
    Operation("s", "s", "reverse it", ("s[::-1]", '"".join(reversed(s))')),
    Operation("s", "s", "write it in capitals", ("s.upper()", "str.upper(s)")),
    Operation("s", "s", "repeat it {k} times", ("s * {k}", "{k} * s"), (2, 3, 4)),
    Operation("s", "s", "drop the first {k}", ("s[{k}:]", "str(s[{k}:])"), FEW),
    Operation("s", "s", "keep the first {k}", ("s[:{k}]", "str(s[:{k}])"), FEW),
    Operation("s", "s", "remove each {k}", ('s.replace("{k}", "")', '"".join(s.split("{k}"))'), LETTERS),
    Operation("s", "n", "take the length", ("len(s)", "sum(1 for x in s)")),
    Operation("s", "n", "count each {k}", ('s.count("{k}")', 'len(s.split("{k}")) - 1'), LETTERS),
)


def apply(step: Step, value: Any) -> Any:
    """What a step makes of a value, by its canonical form. Raises what the form raises for another kind of value."""
    return _function(step.takes, step.forms[0])(value)


@cache
def _function(variable: str, form: str) -> Callable[[Any], Any]:
    return eval(f"lambda {variable}: {form}")


def neighbours(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """The steps with one mistake: one dropped, two swapped, a constant or an operation replaced."""
    for i, step in enumerate(steps):
        before, after = steps[:i], steps[i + 1 :]
        if len(steps) > 1:
            yield before + after
        if after:
            yield (*before, after[0], step, *after[1:])
        yield from ((*before, other, *after) for other in _alternatives(step))


def _alternatives(step: Step) -> Iterator[Step]:
    """The step with the next constants, and the other operations between the same kinds."""
    constants = step.operation.constants
    at = constants.index(step.constant)
    yield from (step._replace(constant=k) for k in constants[max(0, at - 1) : at + 2] if k != step.constant)
    for other in OPERATIONS:
        if other is not step.operation and (other.takes, other.gives) == (step.takes, step.gives):
            yield Step(other, step.constant if step.constant in other.constants else other.constants[0])
