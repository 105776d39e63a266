"""vLLM's side of scoring: log-probabilities of prompts, in the process, at vLLM's defaults for a CPU."""

import os
from typing import Any

from bench.rows import Rows, shortened
from bench.worker import Meter

os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else one thread per core, whatever OMP_NUM_THREADS is
    "VLLM_LOGGING_LEVEL": "WARNING",
}

import torch
from vllm import LLM, SamplingParams


def score(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """Log-probabilities of all rows; the engine is loaded with its cache before."""
    rows = Rows(**spec["rows"])
    pairs = rows.pairs()
    engine = LLM(
        model=spec["folder"], dtype="float32", skip_tokenizer_init=True, max_model_len=2 * rows.high,
        use_tqdm_on_load=False, **spec["options"],
    )  # fmt: skip
    params = SamplingParams(max_tokens=1, prompt_logprobs=0, detokenize=False)
    meter.loaded()
    generate(engine, shortened(pairs), params)
    with meter.timed():
        outputs = generate(engine, pairs, params)
    meter.result["threads"] = torch.get_num_threads()
    values = [
        output.prompt_logprobs[len(prompt) + place][token].logprob
        for output, (prompt, response) in zip(outputs, pairs, strict=True)
        for place, token in enumerate(response)
    ]
    return {"log_probability": sum(values) / len(values)}


def generate(engine: LLM, pairs: list[tuple[list[int], list[int]]], params: SamplingParams) -> list[Any]:
    """One request per row, all at once."""
    return engine.generate([{"prompt_token_ids": prompt + response} for prompt, response in pairs], params,
                           use_tqdm=False)  # fmt: skip
