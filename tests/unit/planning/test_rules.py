"""Rules declare: what they compute is in scope/planning, where a test needs no Snakemake."""

from conftest import ROOT

FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
LIMIT = 0.10
"""The largest part of the lines that functions may take."""


def indentation(line):
    return len(line) - len(line.lstrip())


def function_lines(text):
    """Lines of functions and of lambdas, and all lines, blank ones left out.

    A function goes on as long as lines are indented below its `def`, a lambda until its brackets are closed and, where
    it is an argument, a comma follows.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    count, depth, balance = 0, None, None
    for line in lines:
        if depth is not None and indentation(line) <= depth:
            depth = None
        if depth is None and line.lstrip().startswith(("def ", "async def ")):
            depth = indentation(line)
        if depth is None and balance is None and "lambda" in line.split("#")[0]:
            balance = 0
        count += depth is not None or balance is not None
        if balance is not None:
            balance += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
            ends = line.rstrip().endswith(",") or not indentation(line)
            balance = None if balance <= 0 and ends else balance
    return count, len(lines)


def test_functions_take_a_tenth_of_the_lines_of_rules_at_most():
    counts = [function_lines(file.read_text()) for file in FILES]
    inside, total = map(sum, zip(*counts, strict=True))
    print(f"\n{inside} of {total} lines of the Snakefile and its rules are functions ({inside / total:.1%})")
    assert total > 400, "the rules were not found"
    assert inside <= LIMIT * total


def test_functions_and_lambdas_are_counted_in_every_form():
    text = '''
CONFIG = 1


def one(a):
    """A docstring."""

    def inner():
        return a

    return inner


late = lambda wildcards: [
    wildcards
]


rule all:
    input:
        first=lambda wildcards: "a",
        second=lambda wildcards, input: flag("a", input)
        or flag("b", input),
        third="c",
    run:
        def local():
            return 1
        local()
'''
    assert function_lines(text) == (5 + 3 + 3 + 2, 19)
