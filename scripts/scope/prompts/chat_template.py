"""The text of a prompt: the template around a problem, and the chat format that the student's tokenizer brings."""

import sys
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.prompts.chat_recipe import ChatSettings
from scope.prompts.literal import LiteralText

Writer = Callable[[str], list[int]]

SAMPLE = "1 + 1?"
PLACEHOLDER = "\ue002problem\ue003"
DAYS = date(2001, 2, 3), date(2014, 11, 25)
"""Two days that differ in year, month, day and weekday."""


def writer(tokenizer: PreTrainedTokenizerBase, template: str, chat: ChatSettings | None) -> Writer:
    """The function from a problem to its token ids.

    No special tokens are added: a chat template writes its own BOS where the model has one. Special tokens in the
    problem stay text. Raises InputError where the chat template cannot do what `chat` asks, or is missing, and where
    BOS comes twice.
    """
    if chat is not None:
        _check(tokenizer, chat)
    literal = LiteralText(tokenizer)

    def fill(problem: str) -> str:
        text = template.replace("{problem}", problem)
        return _render(tokenizer, text, chat) if chat is not None else text

    around = fill(PLACEHOLDER)
    special = literal.count(around)

    def write(problem: str) -> list[int]:
        text = fill(problem)
        if literal.count(text) == special:
            return _encode(tokenizer, text)
        return literal.encode(_put_in(problem, literal.mark(around), literal.mark(text), literal))

    _check_bos(tokenizer, write(SAMPLE))
    return write


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return cast(list[int], tokenizer(text, add_special_tokens=False)["input_ids"])


def _put_in(problem: str, around: str, filled: str, literal: LiteralText) -> str:
    """The problem in what is around it. Raises InputError where the chat template changes more of it than its ends."""
    for text in (problem, problem.strip(), problem.rstrip(), problem.lstrip()):
        if around.replace(PLACEHOLDER, literal.mark(text)) == filled:
            return around.replace(PLACEHOLDER, text)
    raise InputError(
        f"the problem {problem[:60]!r} contains special tokens of the student's tokenizer, and the chat template "
        "changes its text; remove the row",
        "special-token",
    )


def _check(tokenizer: PreTrainedTokenizerBase, chat: ChatSettings) -> None:
    if not tokenizer.chat_template:
        raise InputError("data.chat: the student's tokenizer has no chat template; leave `chat` out, and write the "
                         "model's chat markers into data.template", "no-chat-template")  # fmt: skip
    written = _render(tokenizer, SAMPLE, chat)
    if chat.system is not None and chat.system.strip() not in written:
        raise InputError(
            f"data.chat.system: {chat.system[:60]!r} does not appear in what the chat template writes, "
            f"{written[:120]!r}; leave it out, or put it into data.template",
            "unused-system-prompt",
        )
    other = _render(tokenizer, SAMPLE, chat.model_copy(update={"thinking": not chat.thinking}))
    if chat.thinking is not None and other == written:
        raise InputError("data.chat.thinking: the student's chat template has no such switch (with `enable_thinking` "
                         "true and false it writes the same); leave it out", "no-thinking-switch")  # fmt: skip
    _check_date(tokenizer, chat)


def _check_date(tokenizer: PreTrainedTokenizerBase, chat: ChatSettings) -> None:
    if chat.date is None:
        one, other = (_render(tokenizer, SAMPLE, chat, {"strftime_now": _clock(day)}) for day in DAYS)
        if one != other:
            raise InputError(
                "data.chat: the student's chat template writes today's date, so that prompts would differ from day to "
                'day; set data.chat.date, such as "2024-07-26"',
                "date-in-prompt",
            )
        return
    one, other = (_render(tokenizer, SAMPLE, chat.model_copy(update={"date": str(day)})) for day in DAYS)
    if one == other:
        raise InputError(
            "data.chat.date: the student's chat template writes no date; leave it out", "no-date-in-template"
        )


def _check_bos(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> None:
    """Refuse a second BOS; print a notice where the tokenizer would add one and the prompt has none."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return
    if ids[:2] == [bos, bos]:
        raise InputError(
            f"data.template: prompts begin with {tokenizer.bos_token} twice, as the chat template writes it too; "
            "remove it from data.template",
            "doubled-bos",
        )
    if missing_bos(tokenizer, ids):
        print(
            f"prompts: the tokenizer begins every text with {tokenizer.bos_token} by itself; prompts have only what "
            f'data.template and data.chat write; if the model was trained with it, set data.template to "'
            f'{tokenizer.bos_token}{{problem}}" or the like',
            file=sys.stderr,
        )


def missing_bos(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str | None:
    """The BOS token, where the tokenizer begins a text with it by itself and the prompt with these ids does not."""
    bos = tokenizer.bos_token_id
    if bos is None or ids[:1] == [bos] or cast(list[int], tokenizer(SAMPLE)["input_ids"])[:1] != [bos]:
        return None
    return cast(str, tokenizer.bos_token)


def _clock(day: date) -> Callable[[str], str]:
    """What chat templates call for the time, standing at the begin of a day."""
    return datetime.combine(day, time()).strftime


def _render(
    tokenizer: PreTrainedTokenizerBase, text: str, chat: ChatSettings, variables: dict[str, Any] | None = None
) -> str:
    """What the chat template writes, under the variables that chat templates know for `chat`, and further ones."""
    messages = [{"role": "system", "content": chat.system}] if chat.system is not None else []
    messages.append({"role": "user", "content": text})
    known: dict[str, Any] = {} if chat.thinking is None else {"enable_thinking": chat.thinking}
    if chat.date is not None:
        day = date.fromisoformat(chat.date)
        known |= {"strftime_now": _clock(day), "date_string": day.strftime("%d %b %Y")}
    render = cast(Callable[..., str], tokenizer.apply_chat_template)  # text, as it is not to tokenize
    try:
        return render(messages, tokenize=False, add_generation_prompt=True, **known, **(variables or {}))
    except (TemplateError, TypeError, ValueError) as error:
        raise InputError(
            f"data.chat: the student's chat template refuses its messages: {error}", "refused-messages"
        ) from None
