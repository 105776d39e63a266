"""The chat format of prompts, as the recipes of several stages hold it."""

from scope.artifacts.recipe import Settings


class ChatSettings(Settings):
    """The chat format of a prompt."""

    system: str | None
    thinking: bool | None
    date: str | None
