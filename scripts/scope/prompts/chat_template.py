"""The text of a prompt: the template around a problem, and the chat format that the student's tokenizer brings."""

from collections.abc import Callable
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.prompts.chat_recipe import ChatSettings

Writer = Callable[[str], list[int]]


def writer(tokenizer: PreTrainedTokenizerBase, template: str, chat: ChatSettings | None) -> Writer:
    """The function from a problem to its token ids.

    No special tokens are added: a chat template writes its own BOS where the model has one. Raises InputError where
    the chat template cannot do what `chat` asks, or is missing.
    """
    if chat is not None:
        _check(tokenizer, chat)

    def write(problem: str) -> list[int]:
        text = template.replace("{problem}", problem)
        prompt = _render(tokenizer, text, chat.system, chat.thinking) if chat is not None else text
        return tokenizer(prompt, add_special_tokens=False)["input_ids"]

    return write


def _check(tokenizer: PreTrainedTokenizerBase, chat: ChatSettings) -> None:
    if not tokenizer.chat_template:
        raise InputError("data.chat: the student's tokenizer has no chat template; leave `chat` out, and write the "
                         "model's chat markers into data.template", "no-chat-template")  # fmt: skip
    written = _render(tokenizer, "1 + 1?", chat.system, chat.thinking)
    if chat.system is not None and chat.system not in written:
        raise InputError(
            f"data.chat.system: {chat.system[:60]!r} does not appear in what the chat template writes, "
            f"{written[:120]!r}; leave it out, or put it into data.template",
            "unused-system-prompt",
        )
    other = _render(tokenizer, "1 + 1?", chat.system, not chat.thinking)
    if chat.thinking is not None and other == written:
        raise InputError("data.chat.thinking: the student's chat template has no such switch (with `enable_thinking` "
                         "true and false it writes the same); leave it out", "no-thinking-switch")  # fmt: skip


def _render(tokenizer: PreTrainedTokenizerBase, text: str, system: str | None, thinking: bool | None) -> str:
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    switch = {} if thinking is None else {"enable_thinking": thinking}
    render = cast(Callable[..., str], tokenizer.apply_chat_template)  # text, as it is not to tokenize
    try:
        return render(messages, tokenize=False, add_generation_prompt=True, **switch)
    except TemplateError as error:
        raise InputError(
            f"data.chat: the student's chat template refuses its messages: {error}", "refused-messages"
        ) from None
