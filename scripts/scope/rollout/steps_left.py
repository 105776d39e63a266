"""How many steps of decoding are left, where each step gives one token to every response that is being sampled."""

from collections.abc import Sequence


def steps_left(made: Sequence[int], finished: int, tokens: int, max_tokens: int) -> tuple[float, str]:
    """Steps until all responses have ended, and whether they are "at most" or "about" so many.

    `made` holds the tokens of each unfinished response, 0 for one that waits; `tokens` are those of `finished` ones.
    Responses that are being sampled may take `max_tokens`. Waiting ones take their places, and are expected to be as
    long as tokens made until now suggest: all tokens by the number of finished responses.
    """
    running = [number for number in made if number]
    waiting = len(made) - len(running)
    longest = max((max_tokens - number for number in running), default=0)
    if not waiting:
        return longest, "at most"
    expected = min(max_tokens, (tokens + sum(running)) / finished) if finished else max_tokens
    return longest + waiting * expected / max(1, len(running)), "about" if finished else "at most"
