"""vLLM in the process of the job."""

import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import cast

import torch

from scope.artifacts.progress import Progress
from scope.errors import InputError
from scope.models.dtype import Dtype
from scope.models.end_tokens import end_token_ids
from scope.models.load import load_tokenizer, vocabulary_size
from scope.models.token_ids import NEVER, token_ids
from scope.rollout.engine import Engine, Request, Sample, Sampling
from scope.rollout.steps_left import steps_left
from scope.rollout.vllm_messages import hide_expected

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
hide_expected()

from vllm import LLM, CompletionOutput, RequestOutput, SamplingParams  # noqa: E402
from vllm.logprobs import Logprob  # noqa: E402
from vllm.model_executor.layers.logits_processor import LogitsProcessor  # noqa: E402
from vllm.platforms import current_platform  # noqa: E402

BATCH_TOKENS = 8192


class VllmEngine(Engine):
    """Samples with vLLM; a process holds at most one.

    Of the model folder's generation_config only the EOS ids count (models/end_tokens.py), beside the caller's settings.
    """

    def __init__(self, folder: str | Path, *, dtype: Dtype, max_model_len: int, tempered: bool = False):
        cpu = current_platform.is_cpu()
        self.tokenizer = load_tokenizer(folder)  # vLLM would follow the label in tokenizer_config.json
        self.ends = end_token_ids(folder, self.tokenizer)
        self.llm = LLM(
            model=str(folder),
            dtype=dtype,
            max_model_len=max_model_len,
            logprobs_mode="processed_logprobs" if tempered else "raw_logprobs",
            generation_config="vllm",
            load_format="safetensors",
            enforce_eager=cpu,
            # A split prefill rewinds the generator of a seeded request, which a CPU generator cannot do.
            enable_chunked_prefill=not cpu,
            max_num_batched_tokens=max(max_model_len, BATCH_TOKENS) if cpu else None,
            seed=0,
            use_tqdm_on_load=False,
        )
        absent = token_ids(self.tokenizer).absent(vocabulary_size(folder))
        if absent:
            self.llm.apply_model(lambda model: _exclude(model, absent))

    def sample_each(
        self, requests: Sequence[Request], sampling: Sampling, done: Container[int] = ()
    ) -> Iterator[tuple[int, Sample]]:
        """Sample with continuous batching; what is done is not requested."""
        asked = [index for index in range(len(requests)) if index not in done]
        queued = self.llm.enqueue(
            [{"prompt_token_ids": list(requests[index].prompt_token_ids)} for index in asked],
            [
                SamplingParams(
                    **asdict(sampling),
                    logprobs=0,
                    seed=requests[index].seed,
                    stop_token_ids=self.ends,
                    detokenize=False,
                )
                for index in asked
            ],
            use_tqdm=False,
        )
        # The engine queues a request under its number and a random ending; its output carries the number alone.
        index_of = {name.split("-")[0]: index for name, index in zip(queued, asked, strict=True)}
        steps = 0
        with Progress("response", len(asked)) as progress:
            while self.llm.llm_engine.has_unfinished_requests():
                outputs, steps = cast(list[RequestOutput], self.llm.llm_engine.step()), steps + 1
                for output in outputs:
                    progress.add(len(output.outputs[0].token_ids))
                    yield index_of[output.request_id], self._sample(output.outputs[0])
                if progress.due():
                    made = self._tokens_made()
                    left, bound = steps_left(made, progress.rows, progress.tokens, sampling.max_tokens)
                    progress.show(steps, left, unfinished=sum(made), bound=bound)

    def _tokens_made(self) -> list[int]:
        """Tokens of every unfinished response."""
        states = self.llm.llm_engine.output_processor.request_states.values()
        return [state.detokenizer.num_output_tokens() for state in states if state.detokenizer]

    def _sample(self, completion: CompletionOutput) -> Sample:
        token_ids = list(completion.token_ids)
        logprobs = _logprobs(completion.logprobs, token_ids)
        text = cast(str, self.tokenizer.decode(token_ids, skip_special_tokens=True))
        return Sample(token_ids, logprobs, text, cast(str, completion.finish_reason))

    def prompt_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """log p(token | those before it) at temperature 1, for every token of each sequence but the first."""
        params = SamplingParams(max_tokens=1, prompt_logprobs=0)
        with Progress("sequence", len(sequences)) as progress:
            outputs = self.llm.generate([{"prompt_token_ids": list(ids)} for ids in sequences], params, use_tqdm=False)
            for ids in sequences:
                progress.add(len(ids))
        return [_logprobs(output.prompt_logprobs, ids, first=1) for output, ids in zip(outputs, sequences, strict=True)]


def _exclude(model: torch.nn.Module, ids: Sequence[int]) -> None:
    """Give `ids` the probability 0 wherever the model computes logits: when it samples, and in all log-probabilities.

    The sampler's own processors come too late: raw log-probabilities, and those of prompts, are taken before them.
    """

    @cache
    def index(device: torch.device) -> torch.Tensor:
        return torch.tensor(ids, device=device)

    def fill(layer: torch.nn.Module, inputs: object, logits: torch.Tensor | None) -> None:
        if logits is not None:  # on ranks that get none
            logits.index_fill_(-1, index(logits.device), NEVER)

    layers = [layer for layer in model.modules() if isinstance(layer, LogitsProcessor)]
    if not layers:
        raise InputError(
            f"vLLM's {type(model).__name__} computes logits in its own way, so that the {len(ids):,} ids that no token "
            "has cannot be excluded; set rollout.engine and evaluation.engine to transformers",
            "unsupported-model",
        )
    for layer in layers:
        layer.register_forward_hook(fill)


def _logprobs(given: object, token_ids: Sequence[int], first: int = 0) -> list[float]:
    """The log-probability of each token from the `first`, in what vLLM gives when asked for log-probabilities."""
    entries = cast(list[dict[int, Logprob]], given)[first:]
    return [entry[token].logprob for entry, token in zip(entries, token_ids[first:], strict=True)]
