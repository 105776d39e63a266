"""The peak memory of one process of an update, a score or a rollout, in bytes, from the shape of its model.

P parameters, V vocabulary, H hidden size, I of the MLP, Q and K of queries and keys, N tokens of a pack, w bytes of
`models.dtype`, r ranks. Under DeepSpeed with torch's AdamW a process holds (read from deepspeed 0.19.8):

    stage   weights   master weights, moments       gradients, float32   gradients, bfloat16
    0       w P       4 P in bfloat16 alone, 8 P    4 P                  2 P
    1       w P       4 P / r, 8 P / r              4 P                  2 P + 4 P, their sum
    2       w P       4 P / r, 8 P / r              8 P / r              4 P / r
    3       w P / r   4 P / r, 8 P / r              4 P / r              4 P / r

and, from stage 1 in float32 and stage 2 in bfloat16, a buffer of `reduce_bucket_size` gradients. With LoRA, P is the
number of the adapters' parameters alone, but for the weights, where they come on top. Activations are what
autograd keeps of the layers of transformers 5 (_layer_bytes), those of the head are scope/models/head_loss.py's.
dev/measure_memory.py compares all this with real updates; docs/memory.md has the table.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from scope.planning.disk import WIDTH
from scope.planning.model_shape import ModelShape

FLOAT32 = 4
BUCKET = 500_000_000
"""Numbers in DeepSpeed's buffer of gradients unless `reduce_bucket_size` is set, and in a bucket of stage 0."""
LIVE = 1_000_000_000
"""Parameters that ZeRO stage 3 gathers at most, `stage3_max_live_parameters`."""
LOGIT_BYTES = {4: 8, 2: 10}
"""By w, for each logit of a chunk: logits and probabilities in float32, and bfloat16 logits as they leave the head."""
SCORE_BYTES = {4: 4, 2: 6}
"""The same in a score, which has no probabilities beside the logits."""
KL_BYTES = 36
"""The same with the exact KL, whose two distributions are differentiated."""
DENSE_TOKENS = 1024
"""Tokens of a pack where attention needs a mask (scope/models/isolation.py)."""


class Device(NamedTuple):
    """What differs between a GPU and the CPU, on which the model is measured."""

    chunk: int
    """Logits of a chunk (scope/models/head.py)"""
    repeats_keys: bool
    """Whether keys and values are repeated for each head, and the output is copied (packed_attention.py)"""
    whole_buffers: bool
    """Whether a buffer takes memory before something is written to it"""
    copies_transposed: bool
    """Whether a product with a transposed matrix in bfloat16 copies it"""


CUDA = Device(2**28, repeats_keys=False, whole_buffers=True, copies_transposed=False)
CPU = Device(2**24, repeats_keys=True, whole_buffers=False, copies_transposed=True)


class Pass(NamedTuple):
    """What goes through a model at once."""

    tokens: int
    """N"""
    attention: str = "auto"


class Training(NamedTuple):
    """The settings of an update that its memory depends on."""

    dtype: str
    ranks: int
    zero: Mapping[str, Any]
    """`update.deepspeed.zero_optimization`"""
    batch: Pass
    checkpointing: bool = False
    adapters: int | None = None
    """Parameters of LoRA, which alone are trained then"""


class Update(NamedTuple):
    """Bytes of one process of an update."""

    states: int
    """Weights, master weights and moments, the teacher's weights and hidden states"""
    gradients: int
    """with DeepSpeed's buffer of them"""
    activations: int
    """What the forward pass keeps"""
    head: int
    layer: int
    """The backward pass of a layer"""
    step: int
    """What the optimizer's step takes beside `states`"""

    @property
    def peak(self) -> int:
        """The largest of the head, the backward pass of the last layer, and a step."""
        return self.states + max(self.gradients + self.activations + max(self.head, self.layer), self.step)


def update_bytes(
    shape: ModelShape, training: Training, teacher: ModelShape | None = None, device: Device = CUDA
) -> Update:
    """What a process of an update holds at its peak; `teacher` is that of the exact KL."""
    w, batch = WIDTH[training.dtype], training.batch
    states = state_bytes(shape.parameters, training)
    if teacher:
        states += teacher.weights(w) + w * batch.tokens * teacher.hidden
    kept = batch.tokens * _layer_bytes(shape, w, device) + dense_bytes(shape, batch, w)
    inputs = batch.tokens * w * shape.hidden
    backward = batch.tokens * w * (3 * shape.intermediate + 2 * shape.hidden)
    return Update(
        states,
        gradient_bytes(shape.parameters, training, device),
        shape.layers * (inputs if training.checkpointing else kept),
        head_bytes(shape, batch.tokens, w, device, exact=teacher is not None, frozen=training.adapters is not None),
        backward + (kept if training.checkpointing else 0),
        step_bytes(shape, training),
    )


def state_bytes(p: int, training: Training) -> int:
    """Weights, master weights and moments; what is offloaded is not on the GPU."""
    w, zero, stage, t = WIDTH[training.dtype], training.zero, _stage(training), _trained(p, training)
    p += training.adapters or 0
    if stage == 0:
        return w * p + (FLOAT32 * t if w < FLOAT32 else 0) + 2 * FLOAT32 * t
    weights = w * p if stage < 3 else 0 if offloads(zero, "param") else w * _part(p, training)
    return weights + (0 if offloads(zero, "optimizer") else 3 * FLOAT32 * _part(t, training))


def _trained(p: int, training: Training) -> int:
    return p if training.adapters is None else training.adapters


def _part(p: int, training: Training) -> int:
    """A rank's part, rounded up."""
    return -(-p // training.ranks)


def gradient_bytes(p: int, training: Training, device: Device = CUDA) -> int:
    """Gradients that exist from micro-batch to micro-batch, and the buffer; with ZeRO stage 3 gathered weights too."""
    w, zero, stage, t = WIDTH[training.dtype], training.zero, _stage(training), _trained(p, training)
    part, buffer = _part(t, training), _buffer(training) if device.whole_buffers else 0
    if stage == 0:
        return w * t
    if stage == 1 and w < FLOAT32:
        # DeepSpeed's BF16_Optimizer; with offloading its other one, which has the sums alone, and a buffer of them
        return FLOAT32 * t + (2 * buffer if offloads(zero, "optimizer") else w * t)
    if stage == 1:
        return w * t + buffer
    if stage == 2:
        return (FLOAT32 if w < FLOAT32 else 2 * w) * part + buffer
    return FLOAT32 * part + w * min(p, int(zero.get("stage3_max_live_parameters") or LIVE)) + buffer


def step_bytes(shape: ModelShape, training: Training) -> int:
    """Gradients in float32, or the reduction of gradients before, where that is more; fused AdamW adds nothing."""
    w, stage, t = WIDTH[training.dtype], _stage(training), _trained(shape.parameters, training)
    part, largest = _part(t, training), shape.vocabulary * shape.hidden
    if stage == 0:
        return w * t + max(FLOAT32 * t if w < FLOAT32 else 0, w * min(t, BUCKET) if training.ranks > 1 else 0)
    if stage == 1 and w < FLOAT32:
        return (w + FLOAT32 + w) * t
    if stage == 3:
        return FLOAT32 * part + max(FLOAT32 * min(part, LIVE), w * largest)  # saving gathers one weight
    reduction = (w * t if stage == 1 else 2 * w * part) + w * part + min(_buffer(training), w * t)
    return max((FLOAT32 + w) * part, reduction)


def _stage(training: Training) -> int:
    return training.zero.get("stage") or 0


def _buffer(training: Training) -> int:
    """Bytes of DeepSpeed's buffer of gradients, of which it has two where it reduces them during the backward pass."""
    numbers = int(training.zero.get("reduce_bucket_size") or BUCKET)
    return WIDTH[training.dtype] * numbers * (2 if training.zero.get("overlap_comm") else 1)


def offloads(zero: Mapping[str, Any], what: str) -> bool:
    """Whether `optimizer` or `param` is kept outside of the GPU."""
    section = zero.get(f"offload_{what}") or {}
    return section.get("device", "none") != "none" or bool(what == "optimizer" and zero.get("cpu_offload"))


def _layer_bytes(shape: ModelShape, w: int, device: Device) -> int:
    """Bytes for each token that autograd keeps of a layer.

    Two norms keep their input in float32, what they normalised, and the linear layer's input after them; those of
    queries and keys alike. Attention keeps queries, keys, values, output and float32 sums; the MLP four times I.
    """
    norms = 2 * (FLOAT32 + 2 * w) * shape.hidden
    of_heads = (FLOAT32 + w) * (shape.queries + shape.keys) if shape.norms_heads else 0
    keys, outputs = (shape.queries, 2) if device.repeats_keys else (shape.keys, 1)
    attention = w * ((1 + outputs) * shape.queries + 2 * keys) + FLOAT32 * shape.heads
    return norms + of_heads + attention + 4 * w * shape.intermediate


def dense_bytes(shape: ModelShape, batch: Pass, w: int) -> int:
    """Bytes of N x N that a layer keeps: none without a mask, the mask, or, with `eager`, each head's weights.

    Packs with a mask are small, and a longer row, which is a pack of its own, needs none.
    """
    if batch.attention == "flash_attention_2" or (batch.attention == "auto" and shape.packed):
        return 0
    if batch.attention == "eager":
        return shape.heads * (FLOAT32 + w) * batch.tokens**2
    return w * min(batch.tokens, DENSE_TOKENS) ** 2


def head_bytes(
    shape: ModelShape, tokens: int, w: int, device: Device = CUDA, *, exact: bool = False, frozen: bool = False
) -> int:
    """The head in training: the last norm, a chunk of logits, and the gradients of hidden states and weight."""
    narrow = w < FLOAT32 and not frozen
    # In bfloat16 the sum, a chunk's product, and the sum as it is returned
    weight = 0 if frozen else shape.vocabulary * shape.hidden * (FLOAT32 + 2 * w if narrow else FLOAT32)
    transposed = w if narrow and device.copies_transposed else 0
    states = tokens * shape.hidden * (FLOAT32 + 4 * w)
    chunk = _chunk(shape, tokens, device) * (KL_BYTES if exact else LOGIT_BYTES[w] + transposed)
    if shape.whole_logits:
        return states + 3 * w * tokens * shape.vocabulary + chunk
    return states + weight + chunk


def _chunk(shape: ModelShape, tokens: int, device: Device) -> int:
    """Logits of a chunk."""
    return min(tokens * shape.vocabulary, max(device.chunk, shape.vocabulary))


def score_bytes(shape: ModelShape, batch: Pass, dtype: str, device: Device = CUDA) -> int:
    """Weights, and a pass without a gradient: one layer at a time, then a chunk of logits."""
    w, tokens = WIDTH[dtype], batch.tokens
    layer = tokens * (w * (3 * shape.intermediate + 2 * shape.hidden) + FLOAT32 * shape.hidden)
    layer += dense_bytes(shape, batch, w)
    states = 3 * w * tokens * shape.hidden
    logits = w * tokens * shape.vocabulary if shape.whole_logits else 0
    chunk = SCORE_BYTES[w] * _chunk(shape, tokens, device)
    return shape.weights(w) + max(layer, states + logits + chunk)


def cache_bytes(shape: ModelShape, tokens: int, dtype: str) -> int:
    """The KV cache of one sequence."""
    return 2 * WIDTH[dtype] * shape.layers * shape.keys * tokens
