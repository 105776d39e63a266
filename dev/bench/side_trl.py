"""TRL's side: its GRPO trainer's own loop on the same rows, and its heads. Runs in TRL's environment."""

import importlib
import tempfile
import time
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from bench.heads import measure_head
from bench.models import random_model, word_tokenizer
from bench.rows import GROUP, Rows, shortened
from bench.worker import Meter

trl: Any = importlib.import_module("trl")
utils: Any = importlib.import_module("trl.trainer.utils")
datasets: Any = importlib.import_module("datasets")

DEFAULTS_OF_SCOPE = {"learning_rate": 5e-5, "weight_decay": 0.01, "max_grad_norm": 1.0, "temperature": 0.6}
"""Settings that change no amount of work, as the other side has them."""


ROW = 16


class PreparedTrainer(trl.GRPOTrainer):
    """GRPO's trainer with its samples made beforehand: all that follows on sampling and rewards is TRL's own code."""

    steps: list[list[tuple[list[int], list[int]]]]
    """Rows of each optimizer step."""

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Prompts padded on the left and completions on the right, as TRL does it."""
        prompts, completions = zip(*self.steps.pop(0), strict=True)
        tensors = {}
        for name, rows, side in (("prompt", prompts, "left"), ("completion", completions, "right")):
            ids = [torch.tensor(row) for row in rows]
            tensors[f"{name}_ids"] = utils.pad(ids, padding_value=0, padding_side=side)
            tensors[f"{name}_mask"] = utils.pad([torch.ones_like(row) for row in ids], 0, side)
        advantages = torch.tensor([1.0 if index % 2 == 0 else -1.0 for index in range(len(prompts))])
        return tensors | {"advantages": advantages, "num_items_in_batch": tensors["completion_mask"].sum()}


class StepTimer(TrainerCallback):
    """Times the second optimizer step."""

    def __init__(self, meter: Meter):
        self.meter, self.started = meter, 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Before the first micro-batch."""
        self.started = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """After the optimizer."""
        self.meter.stop(self.started)


def update(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """One optimizer step of GRPO's loss after a warm-up step, with TRL's settings but for checkpointing and bf16."""
    pairs, rows = Rows(**spec["rows"]).pairs(), spec["options"]["rows_per_device"]
    model, tokenizer = random_model(spec["shape"]), word_tokenizer(spec["shape"]["vocab_size"])
    dataset = datasets.Dataset.from_list([{"prompt": f"w{number}"} for number in range(len(pairs))])
    meter.loaded()
    with tempfile.TemporaryDirectory() as folder:
        args = trl.GRPOConfig(
            folder,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=len(pairs) // rows,
            num_generations=GROUP,
            max_completion_length=max(len(response) for _, response in pairs),
            max_steps=2,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            **DEFAULTS_OF_SCOPE,
        )
        trainer = PreparedTrainer(
            model=model, reward_funcs=lambda completions, **columns: [0.0] * len(completions), args=args,
            train_dataset=dataset, processing_class=tokenizer, callbacks=[StepTimer(meter)],
        )  # fmt: skip
        trainer.steps = [shortened(pairs), pairs]
        trainer.train()
    return {"entropy": trainer.state.log_history[1]["entropy"]}


def head(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """One of TRL's two heads, without entropy."""
    return measure_head(spec, meter, HEADS[spec["options"]["head"]])


def selective(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Scalar: selective_log_softmax over the logits of a linear head, in rows as it takes them."""
    logits = (hidden @ weight.T).unflatten(0, (-1, ROW))
    return utils.selective_log_softmax(logits, targets.unflatten(0, (-1, ROW))).sum()


def chunked(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Scalar: the head that TRL's trainers use."""
    size, outputs = utils._CHUNKED_LOGPROB_CHUNK_SIZE, ("log_probs",)
    return utils._ChunkedLogProbFunction.apply(hidden, weight, None, targets, 1.0, size, None, 1.0, outputs)[0].sum()


HEADS = {"selective": selective, "chunked": chunked}
