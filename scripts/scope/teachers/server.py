"""The scorer behind an OpenAI-compatible vLLM server: token ids go out, prompt log-probabilities come back.

The key is read from SCOPE_TEACHER_API_KEY and goes nowhere but into the request's header.
"""

import os
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from tqdm import tqdm

from scope.errors import InputError
from scope.forward import Pair

KEY_VARIABLE = "SCOPE_TEACHER_API_KEY"
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class ServerTeacher:
    """Scores at temperature 1, the only one at which vLLM gives prompt log-probabilities."""

    def __init__(self, settings):
        self.settings = settings
        key = os.environ.get(KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(base_url=settings.url, headers=headers, timeout=settings.timeout_s)

    def served_models(self) -> list[str]:
        """Names under which the server serves."""
        return [model["id"] for model in self._send("GET", "/v1/models")["data"]]

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""
        found = dict(self.score_each(pairs))
        return [found[index] for index in range(len(pairs))]

    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """Score as answers come; after a lasting fault no further request is sent."""
        pool = ThreadPoolExecutor(self.settings.concurrency)
        try:
            asked = {pool.submit(self.score_one, pair): i for i, pair in enumerate(pairs) if i not in done}
            for answered in tqdm(as_completed(asked), "score", total=len(asked), unit="rollout"):
                yield asked[answered], answered.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def score_one(self, pair: Pair) -> list[float]:
        """One request; the entry of each token is picked by its id."""
        ids = [*pair.prompt, *pair.response]
        answer = self._send("POST", "/v1/completions", json={
            "model": self.settings.model, "prompt": ids, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0,
        })  # fmt: skip
        return read_prompt_logprobs(answer, ids)[len(pair.prompt) :]

    def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        retrying = Retrying(
            stop=stop_after_attempt(self.settings.attempts), wait=wait_random_exponential(multiplier=0.5, max=20),
            retry=retry_if_exception(_is_transient), reraise=True)  # fmt: skip
        try:
            return retrying(self._send_once, method, path, **content)
        except httpx.HTTPStatusError as error:
            hint = f"; export {KEY_VARIABLE}" if error.response.status_code == 401 else ""
            raise InputError(f"{self.settings.url}{path}: status {error.response.status_code}, "
                             f"{error.response.text[:300]}{hint}") from None  # fmt: skip
        except httpx.HTTPError as error:
            raise InputError(f"{self.settings.url}{path}: {type(error).__name__} after {self.settings.attempts} tries; "
                             "is the teacher's server up, and teacher.server.url right?") from None  # fmt: skip

    def _send_once(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        response = self.client.request(method, path, **content)
        response.raise_for_status()
        return response.json()


def read_prompt_logprobs(answer: dict[str, Any], ids: Sequence[int]) -> list[float]:
    """Log-probability of each id in a recorded answer; NaN stands for the first, which nothing predicts.

    Raises InputError when an entry is missing: no value is ever made up.
    """
    entries = answer["choices"][0].get("prompt_logprobs")
    if not entries or len(entries) != len(ids):
        raise InputError(f"the server gave {len(entries or [])} prompt log-probabilities for {len(ids)} tokens; "
                         "it must be a vLLM server that honours prompt_logprobs")  # fmt: skip
    found = [float("nan")]
    for position, (entry, token) in enumerate(zip(entries[1:], ids[1:], strict=True), start=1):
        if entry is None or str(token) not in entry or entry[str(token)].get("logprob") is None:
            raise InputError(f"the server gave no log-probability for token {token} at position {position}")
        found.append(entry[str(token)]["logprob"])
    return found


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in TRANSIENT
    return isinstance(error, httpx.TransportError)
