"""Worked solutions as pairs: the prompt is that of training, and the response ends with EOS."""

import json
from itertools import islice

import pytest

from refusals import refused
from scope.models.tokenizers import bpe_tokenizer
from scope.prompts.chat_recipe import ChatSettings
from scope.prompts.chat_template import writer
from scope.prompts.rows import SolutionRows
from scope.prompts.sft_recipe import SolutionSettings, SolvedProblems
from scope.prompts.solutions import solution_pairs
from scope.worlds.recipe import WordProblemsSettings

WORDS = WordProblemsSettings(steps=[1], prompts=5, problems=5, seed=0)
ROWS = SolutionRows(content=[], problem="question", solution="worked", where={}, between={}, limit=None)
END = 5
CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}<|assistant|>"


@pytest.fixture(scope="module")
def tokenizer():
    made = bpe_tokenizer(["Tell me: 3 + 4 = 7. The answer is \\boxed{7}. boxes eggs buys more"] * 20, 400)
    made.chat_template = CHAT
    return made


def settings(rows=None, **changes):
    return SolutionSettings(**{"rows": rows, "steps": 1, "batch": 1, "learning_rate": 1e-3, "canonical": 1.0, "seed": 0}
                            | changes)  # fmt: skip


def data(**changes):
    world = {"puzzle": None, "functions": None, "word_problems": WORDS}
    return SolvedProblems(**world | {"template": "Tell me: {problem}", "chat": None} | changes)


@pytest.mark.parametrize("chat", [None, ChatSettings(system=None, thinking=None, date=None)])
def test_the_prompt_is_that_of_training_and_the_response_ends_with_eos(tokenizer, chat):
    pairs = list(islice(solution_pairs(tokenizer, END, data(chat=chat), settings(), []), 20))
    for pair in pairs:
        text = tokenizer.decode(pair.prompt)
        assert text.removeprefix("<|user|>").startswith("Tell me: ")
        assert text.endswith("<|assistant|>") == (chat is not None)
        problem = text.removeprefix("<|user|>").removeprefix("Tell me: ").removesuffix("\n<|assistant|>")
        assert pair.prompt == writer(tokenizer, "Tell me: {problem}", chat)(problem)
        assert pair.response[-1] == END
        assert tokenizer.decode(pair.response[:-1]).endswith("}.")


def test_a_file_of_solutions_is_gone_through_again_in_another_order(tokenizer, tmp_path):
    file = tmp_path / "solved.jsonl"
    solved = {f"{k} + 1?": f"{k} + 1 = {k + 1}. The answer is {k + 1}." for k in range(6)}
    file.write_text("".join(json.dumps({"question": q, "worked": w}) + "\n" for q, w in solved.items()))
    pairs = list(islice(solution_pairs(tokenizer, END, data(word_problems=None), settings(ROWS), [str(file)]), 12))
    read = [(tokenizer.decode(p.prompt).removeprefix("Tell me: "), tokenizer.decode(p.response[:-1])) for p in pairs]
    assert dict(read[:6]) == dict(read[6:]) == solved
    assert read[:6] != read[6:]
    again = islice(solution_pairs(tokenizer, END, data(word_problems=None), settings(ROWS), [str(file)]), 12)
    assert pairs == list(again)


def test_a_missing_column_is_named(tokenizer, tmp_path):
    file = tmp_path / "solved.jsonl"
    file.write_text('{"question": "1 + 1?", "answer": "2"}\n')
    with refused("missing-column", "solved.jsonl", "'worked'", "answer"):
        next(solution_pairs(tokenizer, END, data(word_problems=None), settings(ROWS), [str(file)]))
