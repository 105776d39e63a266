"""Worked solutions as pairs of prompt and response: what supervised steps train on."""

import random
from collections.abc import Iterator, Sequence

from transformers import PreTrainedTokenizerBase

from scope.models.pair import Pair
from scope.prompts.chat_template import writer
from scope.prompts.literal import LiteralText
from scope.prompts.read import read_solutions
from scope.prompts.sft_recipe import SolutionSettings, SolvedProblems
from scope.seeds import derive_seed
from scope.worlds.examples import examples


def solution_pairs(
    tokenizer: PreTrainedTokenizerBase, end: int, data: SolvedProblems, sft: SolutionSettings, files: Sequence[str]
) -> Iterator[Pair]:
    """Pairs without end: the prompt as training has it, and the solution with the id `end` of the EOS token.

    A file of solutions is gone through again and again, each time in another order.
    """
    write = writer(tokenizer, data.template, data.chat)
    literal = LiteralText(tokenizer)
    for problem, solution in _solved(data, sft, files):
        response = literal.encode(solution)
        yield Pair(write(problem), [*response, end])


def _solved(data: SolvedProblems, sft: SolutionSettings, files: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not sft.rows:
        yield from examples(data, sft.canonical, sft.seed)
        return
    solved, rng = read_solutions(files, sft.rows), random.Random(derive_seed("sft", sft.seed))
    while True:
        yield from rng.sample(solved, len(solved))
