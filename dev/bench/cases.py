"""What is measured: model shapes, rows and sides of every case, and the tiny ones of --quick."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bench.rows import Rows

Shape = dict[str, Any]

MILLION: Shape = {
    "vocab_size": 1024, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 4,
}  # fmt: skip
WIDE: Shape = MILLION | {"vocab_size": 151_936, "num_hidden_layers": 2}
SMOLLM: Shape = {
    "vocab_size": 49_152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3,
}  # fmt: skip
TINY: Shape = {
    "vocab_size": 128, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 1, "num_key_value_heads": 1,
}  # fmt: skip
"""Arguments of a LlamaConfig; embeddings and head share their weights."""

PROJECT, TRL, VLLM = "scope", "trl", "vllm"
ROWS_PER_DEVICE = (1, 2, 4, 8, 16)
PACKS = (512, 1024, 2048, 4096, 8192, 16384)


@dataclass(frozen=True)
class Side:
    """One column of a comparison: the environment it runs in, the function there, and its options."""

    name: str
    environment: str
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Mapping[str, Any], ...] = ()
    """Options that are tried once each; the fastest ones are then measured in turns."""


@dataclass(frozen=True)
class Case:
    """The same work on the same rows by every side; the first side is what the others are compared with."""

    name: str
    title: str
    work: str
    shape: Shape
    rows: Rows
    sides: tuple[Side, ...]

    def spec(self, side: Side, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a measuring process has to know."""
        return {
            "case": self.name, "work": self.work, "side": side.name, "environment": side.environment,
            "shape": self.shape, "rows": asdict(self.rows), "options": {**side.options, **options},
        }  # fmt: skip


OURS = Side("SCOPE", PROJECT)
UPDATES = (OURS, Side("TRL", TRL, choices=tuple({"rows_per_device": rows} for rows in ROWS_PER_DEVICE)))
HEADS = (
    OURS,
    Side("TRL selective_log_softmax", TRL, {"head": "selective"}),
    Side("TRL chunked head", TRL, {"head": "chunked"}),
)
SCORERS = (OURS, Side("vLLM prompt_logprobs", VLLM))
PACKERS = tuple(Side(f"packs of {tokens:,}", PROJECT, {"micro_batch_tokens": tokens}) for tokens in PACKS)

CASES = (
    Case("update_small", "Update step, 1 M parameters, V = 1,024", "update", MILLION,
         Rows(112, 128, 256, 1024), UPDATES),
    Case("update_vocabulary", "Update step, hidden 128, V = 151,936", "update", WIDE,
         Rows(16, 128, 256, 151_936), UPDATES),
    Case("update_smollm", "Update step, the shape of SmolLM2-135M, V = 49,152", "update", SMOLLM,
         Rows(16, 96, 160, 49_152), UPDATES),
    Case("head", "Head alone, 1,024 tokens, hidden 128, V = 151,936", "head", WIDE,
         Rows(8, 128, 128, 151_936), HEADS),
    Case("score_small", "Scoring, V = 1,024", "score", MILLION, Rows(112, 128, 256, 1024), SCORERS),
    Case("score_vocabulary", "Scoring, V = 151,936", "score", WIDE, Rows(16, 128, 256, 151_936), SCORERS),
    Case("pack_length", "Update step by length of packs, 1 M parameters, V = 1,024", "update", MILLION,
         Rows(128, 128, 128, 1024), PACKERS),
)  # fmt: skip


def chosen(names: list[str], quick: bool) -> list[Case]:
    """The cases of these names, all without names, in the order of CASES."""
    cases = [case for case in CASES if not names or case.name in names]
    return [tiny(case) for case in cases] if quick else cases


def tiny(case: Case) -> Case:
    """The same case at a size that takes seconds, with at most two choices or sides of a kind."""
    sides = tuple(replace(side, choices=side.choices[:2]) for side in case.sides[:3])
    return replace(case, shape=TINY, rows=Rows(16, 16, 32, TINY["vocab_size"]), sides=sides)
