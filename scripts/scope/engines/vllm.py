"""vLLM in the process of the job."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scope.engines import Draw, Request, Sample

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

from vllm import LLM, SamplingParams
from vllm.platforms import current_platform

BATCH_TOKENS = 8192


class VllmEngine:
    """Samples with vLLM; a process holds at most one.

    The model folder's generation_config is ignored, so that only the caller's settings count.
    """

    def __init__(self, folder: str | Path, *, dtype: str, max_model_len: int, tempered: bool = False):
        cpu = current_platform.is_cpu()
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
        )

    def sample(self, requests: Sequence[Request], draw: Draw) -> list[Sample]:
        """Draw one sample per request, in order."""
        outputs = self.llm.generate(
            [{"prompt_token_ids": list(request.prompt_token_ids)} for request in requests],
            [SamplingParams(**asdict(draw), logprobs=0, seed=request.seed) for request in requests],
        )
        return [_sample(output.outputs[0]) for output in outputs]

    def prompt_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """log p(token | those before it) at temperature 1, for every token of each sequence but the first."""
        params = SamplingParams(max_tokens=1, prompt_logprobs=0)
        outputs = self.llm.generate([{"prompt_token_ids": list(ids)} for ids in sequences], params)
        return [
            [entry[token].logprob for entry, token in zip(output.prompt_logprobs[1:], ids[1:], strict=True)]
            for output, ids in zip(outputs, sequences, strict=True)
        ]


def _sample(completion) -> Sample:
    token_ids = list(completion.token_ids)
    logprobs = [entry[token].logprob for entry, token in zip(completion.logprobs, token_ids, strict=True)]
    return Sample(token_ids, logprobs, completion.text, completion.finish_reason)
