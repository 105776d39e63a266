"""Sampling with transformers alone: for machines without vLLM, and the oracle of the tests.

Each sample uses Gumbel noise from its own seed; the largest perturbed log-probability is an exact sample, so
`generate` can run greedily and a sample does not depend on its neighbours.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from scope.artifacts.progress import Progress
from scope.errors import InputError
from scope.models.dtype import Dtype
from scope.models.end_tokens import end_token_ids
from scope.models.load import load_model, load_tokenizer
from scope.models.padding import pad_left
from scope.models.token_ids import TokenIds, token_ids
from scope.rollout.engine import Engine, Request, Sample, Sampling

BATCH = 256


class TransformersEngine(Engine):
    """Samples with `model.generate`, left-padded batches."""

    def __init__(self, folder: str | Path, *, dtype: Dtype, max_model_len: int, tempered: bool = False):
        self.model = load_model(folder, dtype)
        self.tokenizer = load_tokenizer(folder)
        self.tokens = token_ids(self.tokenizer)
        self.ends = end_token_ids(folder, self.tokenizer)
        self.max_model_len = max_model_len
        self.tempered = tempered

    def sample_each(
        self, requests: Sequence[Request], sampling: Sampling, done: Container[int] = ()
    ) -> Iterator[tuple[int, Sample]]:
        """Sample batch by batch; all requests are cut into the same batches, whichever are done."""
        longest = max(len(request.prompt_token_ids) for request in requests) + sampling.max_tokens
        if longest > self.max_model_len:
            raise InputError(
                f"a prompt and its response may take {longest} tokens, more than {self.max_model_len}",
                "sequence-too-long",
            )
        every = range(len(requests))
        batches = [every[i : i + BATCH] for i in range(0, len(requests), BATCH)]
        wanted = [batch for batch in batches if not all(index in done for index in batch)]
        with Progress("response", sum(map(len, wanted))) as progress:
            watcher = _Watcher(progress, self.ends, sampling.max_tokens, len(wanted))
            for batch in wanted:
                sampled = self._batch([requests[index] for index in batch], sampling, watcher)
                watcher.next_batch(sampled)
                yield from ((index, sample) for index, sample in zip(batch, sampled, strict=True) if index not in done)

    @torch.inference_mode()
    def _batch(self, requests: Sequence[Request], sampling: Sampling, watcher: "_Watcher") -> list[Sample]:
        prompts, mask = pad_left([request.prompt_token_ids for request in requests])
        recorder = _Recorder(sampling.temperature if self.tempered else 1.0)
        noise = _SeededGumbel([request.seed for request in requests])
        generate = cast(Callable[..., torch.Tensor], self.model.generate)
        ids = generate(
            input_ids=prompts.to(self.model.device),
            attention_mask=mask.to(self.model.device),
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            eos_token_id=self.ends,
            pad_token_id=self.ends[0],  # comes after an end of text, where responses are cut
            logits_processor=LogitsProcessorList([watcher, _Known(self.tokens), recorder, *_warpers(sampling), noise]),
        )
        sampled = ids[:, prompts.shape[1] :]
        return [self._cut(row, logprobs) for row, logprobs in zip(sampled, recorder.read(sampled), strict=True)]

    def _cut(self, ids: torch.Tensor, logprobs: torch.Tensor) -> Sample:
        ended = torch.isin(ids, torch.tensor(self.ends, device=ids.device)).nonzero()
        length = int(ended[0]) + 1 if len(ended) else len(ids)
        tokens = ids[:length].tolist()
        text = cast(str, self.tokenizer.decode(tokens, skip_special_tokens=True))
        return Sample(tokens, logprobs[:length].tolist(), text, "stop" if len(ended) else "length")


def _warpers(sampling: Sampling) -> list[LogitsProcessor]:
    chosen: list[LogitsProcessor] = []
    if sampling.repetition_penalty != 1.0:
        chosen.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    chosen.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        chosen.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        chosen.append(TopPLogitsWarper(sampling.top_p))
    return chosen


class _Watcher(LogitsProcessor):
    """Shows progress: a batch takes as many steps as its longest response, at most `max_tokens`."""

    def __init__(self, progress: Progress, ends: Sequence[int], max_tokens: int, batches: int):
        self.progress, self.ends, self.max_tokens, self.batches = progress, ends, max_tokens, batches
        self.steps = self.step = 0

    def next_batch(self, sampled: Sequence[Sample]) -> None:
        """Count a batch."""
        for sample in sampled:
            self.progress.add(len(sample.token_ids))
        self.batches -= 1
        self.step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Before each step: `input_ids` (B, T) hold the prompts and the tokens of the steps before."""
        if self.progress.due():
            made = input_ids[:, input_ids.shape[1] - self.step :]
            end = torch.isin(made, torch.tensor(self.ends, device=made.device)).long()
            tokens = int((end.cumsum(1) == end).sum())  # up to the first end of each response
            left = self.batches * self.max_tokens - self.step
            self.progress.show(self.steps, left, unfinished=tokens, bound="at most")
        self.steps, self.step = self.steps + 1, self.step + 1
        return scores


class _Known(LogitsProcessor):
    """Leaves the logits of ids that the tokenizer has."""

    def __init__(self, tokens: TokenIds):
        self.tokens = tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self.tokens.of(scores)


class _Recorder(LogitsProcessor):
    """Keeps log softmax(logits / temperature) of every step, before sampling settings touch the logits."""

    def __init__(self, temperature: float):
        self.temperature = temperature
        self.steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.steps.append(torch.log_softmax(scores.float() / self.temperature, dim=-1))
        return scores

    def read(self, ids: torch.Tensor) -> torch.Tensor:
        """(B, T) log-probabilities of the chosen ids (B, T)."""
        return torch.stack(self.steps, dim=1).gather(2, ids[:, :, None])[:, :, 0]


class _SeededGumbel(LogitsProcessor):
    """Adds Gumbel noise from one generator per sample: the argmax is then a sample from softmax(scores)."""

    def __init__(self, seeds: Sequence[int]):
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        size = scores.shape[1]
        uniform = torch.stack([torch.rand(size, generator=g, dtype=torch.float64) for g in self.generators])
        return scores - torch.log(-torch.log(uniform.clamp_min(1e-300))).to(scores)
