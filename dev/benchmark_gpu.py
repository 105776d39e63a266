"""Measure update, score and rollout on one GPU: a model of 1.5 B parameters in bfloat16, packs of 16,384 tokens.

Takes under 10 minutes on an H100. Each part is a fresh process:
  update   this project's step, activations checkpointed
  padded   the same rows padded in a plain transformers step with whole logits, at the largest micro-batch that fits
  score    the scorer in the process
  vllm     vLLM's prompt_logprobs of the same rows, then its tokens per second as the rollouts' engine

Prints a table and writes the figures as JSON:
  {"card": "NVIDIA H100 80GB HBM3", "parts": {"update": {"seconds": ..., "tokens_per_second": ..., "mfu": ...,
   "peak_gpu_gb": ...}, "padded": {...}, "score": {...}, "vllm": {...}}}

Examples:
  python dev/benchmark_gpu.py --out gpu.json
  python dev/benchmark_gpu.py --quick --parts update padded     a tiny model, also on a CPU
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import library  # noqa: F401
from bench.cases import TINY, Shape
from bench.rows import Rows
from scope import cli
from scope.errors import InputError
from scope.update.launch import join_ranks, leave_ranks

MODEL: Shape = {
    "vocab_size": 151_936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 2,
}  # fmt: skip
PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0}
"""Dense bfloat16 TFLOP/s by a part of the card's name, from the vendor's data sheets."""
STEPS = 3
PACK = 16_384
PADDED_ROWS = (16, 8, 4, 2, 1)
RESPONSE = 512
GB = 1e9


def main() -> None:
    """Run the parts one after the other, print the table, write the figures."""
    args = parse()
    if args.part:
        print(json.dumps(PARTS[args.part](args.quick)), flush=True)
        if args.part == "update":
            leave_ranks()
        return
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    if card == "CPU" and not args.quick:
        raise InputError("no GPU is visible; --quick runs a tiny model on the CPU", "no-gpu")
    figures = {part: measure(part, args.quick) for part in args.parts}
    if args.out:
        args.out.write_text(json.dumps({"card": card, "parts": figures}, indent=1) + "\n", encoding="utf-8")
    print(f"\n{card}\n\n| part | seconds | tokens/s | MFU | peak, GB |\n|---|---|---|---|---|")
    for part, row in figures.items():
        mfu = f"{row['mfu']:.1%}" if row.get("mfu") else ""
        print(f"| {part} | {row['seconds']:.2f} | {row['tokens_per_second']:,.0f} | {mfu} | {row['peak_gpu_gb']:.1f} |")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--quick", action="store_true", help="a tiny model, to see that everything works")
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the figures go")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(part: str, quick: bool) -> dict[str, Any]:
    """One part in a process of its own. Raises InputError with its last lines where it fails."""
    print(f"{part}: measuring", flush=True)
    command = [sys.executable, __file__, "--part", part, *(["--quick"] if quick else [])]
    done = subprocess.run(command, encoding="utf-8", errors="replace", capture_output=True)
    if done.returncode:
        raise InputError(f"{part}: status {done.returncode}: {done.stderr[-3000:].strip()}; leave it out with --parts",
                         "command-failed")  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows_of(quick: bool) -> Rows:
    """Prompts and responses of one step."""
    return Rows(16, 16, 64, TINY["vocab_size"]) if quick else Rows(48, 512, 4096, MODEL["vocab_size"])


def random_model(quick: bool) -> Any:
    """The shape of Qwen2.5-1.5B with random weights, where the stages load it."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from scope.models.load import device

    torch.manual_seed(0)
    config = Qwen2Config(**(TINY if quick else MODEL), max_position_embeddings=32_768, tie_word_embeddings=True)
    return Qwen2ForCausalLM(config).to(torch.bfloat16).to(device()).eval()  # pyright: ignore[reportArgumentType]


def saved(quick: bool, folder: str) -> Path:
    """The model in Hugging Face format."""
    from bench.models import word_tokenizer
    from scope.score.reference import free_memory

    random_model(quick).save_pretrained(folder)
    free_memory()
    word_tokenizer((TINY if quick else MODEL)["vocab_size"]).save_pretrained(folder)
    return Path(folder)


def figures(quick: bool, seconds: float, decoder: Any = None) -> dict[str, Any]:
    """Of a pass over all rows; with a decoder, of its training."""
    import torch

    gpu, rows = torch.cuda.is_available(), rows_of(quick)
    name = torch.cuda.get_device_name() if gpu else ""
    peak = next((value for part, value in PEAKS.items() if part in name), None)
    lengths = [len(prompt) + len(response) for prompt, response in rows.pairs()]
    return {
        "seconds": seconds,
        "tokens_per_second": rows.tokens / seconds,
        "mfu": decoder.training_flops(lengths) / seconds / (peak * 1e12) if decoder and peak else None,
        "peak_gpu_gb": torch.cuda.max_memory_allocated() / GB if gpu else 0.0,
    }


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    """Appends the seconds of what runs inside, the GPU's work included."""
    import torch

    wait: Callable[[], None] = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    started = time.perf_counter()
    yield
    wait()
    seconds.append(time.perf_counter() - started)


def update(quick: bool) -> dict[str, Any]:
    """The fastest of STEPS steps after a first one."""
    join_ranks(1)
    from bench.side_scope import batch
    from scope.config.training import Update
    from scope.planning.take import take
    from scope.update.execution import Execution
    from scope.update.loss_settings import LossSettings
    from scope.update.model_flops import dense_decoder
    from scope.update.recipe import UpdateSettings
    from scope.update.trainer import Trainer

    section = Update(micro_batch_tokens=PACK, checkpoint_activations=True)
    settings = take(UpdateSettings, section), take(Execution, section)
    model = random_model(quick)
    decoder = dense_decoder(model)
    trainer = Trainer(model, *settings, "bfloat16", LossSettings("sampled", None, None, None, 1.0, None))
    rows, seconds = batch(rows_of(quick).pairs()), []
    for number in range(STEPS + 1):
        with timed(seconds):
            list(trainer.run_round(rows, steps_done=number))
    return figures(quick, min(seconds[1:]), decoder)


def padded(quick: bool) -> dict[str, Any]:
    """The same with the largest micro-batch that fits."""
    import torch

    for size in PADDED_ROWS:
        with suppress(torch.OutOfMemoryError):
            return {**padded_steps(quick, size), "rows_per_micro_batch": size}
        torch.cuda.empty_cache()
    raise InputError("not even one padded row fits", "out-of-memory")


def padded_steps(quick: bool, size: int) -> dict[str, Any]:
    """The fastest of STEPS plain steps after a first one: padded rows, a causal mask, whole logits in float32."""
    import torch

    from scope.update.model_flops import dense_decoder

    model = random_model(quick).train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=torch.cuda.is_available())
    pairs, seconds = rows_of(quick).pairs(), []
    for _ in range(STEPS + 1):
        with timed(seconds):
            for first in range(0, len(pairs), size):
                rows = [[*prompt, *response] for prompt, response in pairs[first : first + size]]
                longest = max(map(len, rows))
                ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=model.device)
                mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=model.device)
                logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
                logp = torch.log_softmax(logits, dim=-1).gather(2, ids[:, 1:, None])[..., 0]
                (-(logp * mask[:, 1:]).sum() / len(pairs)).backward()
            optimizer.step()
            optimizer.zero_grad()
    return figures(quick, min(seconds[1:]), dense_decoder(model))


def score(quick: bool) -> dict[str, Any]:
    """A pass after a first one."""
    from scope.models.pair import Pair
    from scope.score.in_process import InProcessTeacher

    pairs, seconds = [Pair(*pair) for pair in rows_of(quick).pairs()], []
    with tempfile.TemporaryDirectory() as folder:
        scorer = InProcessTeacher(saved(quick, folder), dtype="bfloat16", temperature=1.0, pack_tokens=PACK)
    for _ in range(2):
        with timed(seconds):
            list(scorer.score_each(pairs))
    return figures(quick, seconds[-1])


def vllm(quick: bool) -> dict[str, Any]:
    """As score; and tokens per second of RESPONSE new tokens after each prompt, 8 times."""
    from scope.rollout.engine import Request, Sampling
    from scope.rollout.vllm import VllmEngine

    rows, length, seconds = rows_of(quick), 32 if quick else RESPONSE, []
    with tempfile.TemporaryDirectory() as folder:
        engine = VllmEngine(saved(quick, folder), dtype="bfloat16", max_model_len=rows.high + length)
    for _ in range(2):
        with timed(seconds):
            engine.prompt_logprobs([[*prompt, *response] for prompt, response in rows.pairs()])
    requests = [Request(prompt, seed) for prompt, _ in rows.pairs() for seed in range(8)]
    sampled: list[float] = []
    with timed(sampled):
        made = list(engine.sample_each(requests, Sampling(temperature=1.0, top_p=1.0, top_k=0, max_tokens=length)))
    tokens = sum(len(sample.token_ids) for _, sample in made)
    return {**figures(quick, seconds[-1]), "sampled_tokens_per_second": tokens / sampled[0]}


PARTS: dict[str, Callable[[bool], dict[str, Any]]] = {"update": update, "padded": padded, "score": score, "vllm": vllm}


if __name__ == "__main__":
    cli.run(main)
