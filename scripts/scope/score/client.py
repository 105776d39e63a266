"""One OpenAI-compatible vLLM server: token ids go out, prompt log-probabilities come back.

The key is used only in the request's header.
"""

from collections.abc import Sequence
from typing import Any

import httpx

from scope.errors import InputError
from scope.models.pair import Pair
from scope.score.api_key import KEY_VARIABLE

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class Unavailable(Exception):
    """No answer now; a later request, or another server, may succeed."""

    def __init__(self, reason: str, *, reached: bool):
        super().__init__(reason)
        self.reached = reached
        """Whether the server took the request, so that the request itself may be the cause."""


class Server:
    """Scores at temperature 1, the only one at which vLLM gives prompt log-probabilities.

    Raises Unavailable if a retry may help, else InputError.
    """

    def __init__(self, url: str, model: str, *, key: str | None, timeout_s: float, proxy: bool = False):
        self.url, self.model, self.timeout_s = url, model, timeout_s
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=None)
        self.client = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, limits=limits, trust_env=proxy)

    def check_name(self) -> None:
        """Make sure that the server serves under the name that the configuration gives."""
        served = [model["id"] for model in self.send("GET", "/v1/models")["data"]]
        if self.model not in served:
            raise InputError(
                f"{self.url} serves {', '.join(served) or 'nothing'}, not {self.model!r}; correct teacher.server.model",
                "other-model",
            )

    def score(self, pair: Pair) -> list[float]:
        """Log-probability in nats of every response token; the entry of each token is picked by its id."""
        ids = [*pair.prompt, *pair.response]
        answer = self.send(
            "POST",
            "/v1/completions",
            json={
                "model": self.model,
                "prompt": ids,
                "max_tokens": 1,
                "temperature": 0.0,
                "prompt_logprobs": 0,
            },
        )
        if answer["choices"][0].get("finish_reason") == "abort":
            raise Unavailable(f"{self.url} aborted a request", reached=True)
        return read_prompt_logprobs(answer, ids)[len(pair.prompt) :]

    def send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """The answer to one request."""
        try:
            response = self.client.request(method, path, **content)
        except httpx.TransportError as error:
            reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise Unavailable(f"{self.url}{path}: {type(error).__name__}", reached=reached) from None
        if response.is_success:
            return response.json()
        message = f"{self.url}{path}: status {response.status_code}, {response.text[:300]}"
        if response.status_code in TRANSIENT:
            raise Unavailable(message, reached=True)
        hint = f"; export {KEY_VARIABLE}, or correct teacher.server.key_file" if response.status_code == 401 else ""
        raise InputError(message + hint, "refused-request")


def read_prompt_logprobs(answer: dict[str, Any], ids: Sequence[int]) -> list[float]:
    """Log-probability of each id in a recorded answer; NaN for the first, which nothing predicts.

    Raises InputError when an entry is missing: no value is invented.
    """
    entries = answer["choices"][0].get("prompt_logprobs")
    if not entries or len(entries) != len(ids):
        raise InputError(
            f"the server gave {len(entries or [])} prompt log-probabilities for {len(ids)} tokens; "
            "it must be a vLLM server that honours prompt_logprobs",
            "missing-logprobs",
        )
    found = [float("nan")]
    for position, (entry, token) in enumerate(zip(entries[1:], ids[1:], strict=True), start=1):
        if entry is None or str(token) not in entry or entry[str(token)].get("logprob") is None:
            raise InputError(
                f"the server gave no log-probability for token {token} at position {position}", "missing-logprobs"
            )
        found.append(entry[str(token)]["logprob"])
    return found
