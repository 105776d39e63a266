"""Sections on a round: rollouts, objective, update."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from scope.config.deepspeed import check_deepspeed
from scope.config.types import Count, NonNegative, Positive, Section


class Rollout(Section):
    """Sampling of the training rollouts; top-p and top-k are off, as Eqs. 1 to 3 assume."""

    engine: Literal["vllm", "transformers"] = "vllm"
    n: Count = 8
    """Rollouts per prompt, the size of a group."""
    temperature: Positive = 0.6
    max_tokens: Count = 12288
    """Response tokens, EOS included."""
    shards: Count = 1
    """Jobs into which a round's prompts are split."""


class LogprobTemperature(Section):
    """Temperature of the log-probabilities: a number, or `rollout` for that of the rollouts."""

    student: Literal["rollout"] | Positive = "rollout"
    teacher: Literal["rollout"] | Positive = "rollout"


class Objective(Section):
    """The method that computes losses, weights and advantages from verdicts and scores (scope/method/table.py)."""

    method: Literal["scope", "opd", "grpo", "kd"] = "scope"
    mode: Literal["paper", "released"] = "paper"
    """`paper`: Eqs. 1 to 6; `released`: what the authors' published code computes."""
    tau: Positive = 1.0
    """Temperature of the weights, Eqs. 4 and 5."""
    student_weight: Literal["high_ppl", "low_ppl", "uniform"] | None = None
    """Correct path; null: depends on the mode (paper high_ppl, released low_ppl)."""
    teacher_weight: Literal["low_ppl", "high_ppl", "uniform"] | None = None
    """Incorrect path; null: low_ppl in both modes."""
    scale: Literal["sum", "mean"] | None = None
    """Weights of a path sum to 1, or have mean 1; null: depends on the mode (paper sum, released mean)."""
    kl: Literal["sampled", "full"] = "sampled"
    """Eq. 3's single-sample estimator, or the exact reverse KL over the vocabulary."""
    token_reduction: Literal["mean", "sum"] = "mean"
    """Over the tokens of one response; `released` normalises over tokens of the batch instead."""
    opd_clip: Positive | None = None
    """Clip of the ratio in the opd loss; null: none in paper mode, 0.2 in released mode."""
    pg_clip: Positive = 0.2
    """Clip of the ratio in GRPO's surrogate."""
    kl_coefficient: NonNegative = 1e-4
    """GRPO's k3 KL to the reference policy; 0: no reference."""
    advantage_eps: Positive = 1e-6
    """Added to the standard deviation of a group's rewards (GRPO)."""
    drop_incorrect: bool = False
    """KD: train only on the teacher's correct samples."""

    @model_validator(mode="after")
    def _released_is_scope(self) -> "Objective":
        if self.mode == "released" and (self.method != "scope" or self.kl != "sampled"):
            raise ValueError("`mode: released` exists for `method: scope` with `kl: sampled` only")
        return self


class Guards(Section):
    """Limits on the figures of a step; beyond one the update stops, and the policy before it stays."""

    max_engine_gap: Positive | None = None
    """Mean nats a token between the log-probabilities of the engine that sampled and the trainer's."""
    max_ratio: Positive | None = None
    """Largest ratio of Eq. 1 to the policy at the round's start."""
    min_ess: Annotated[Positive, Field(le=1)] | None = None
    """Smallest effective sample size of the ratios of Eq. 1, as a share of the step's T response tokens:
    (sum rho)^2 / (T sum rho^2), which is 1 in the first step of a round."""


class Lora(Section):
    """Low-rank adapters (LoRA, arXiv 2106.09685): W + (alpha / rank) B A, of which B and A are trained."""

    rank: Count = 16
    alpha: Count = 32
    targets: Literal["all-linear"] | Annotated[list[str], Field(min_length=1)] = "all-linear"
    """Linear layers that get an adapter, by the last part of their name, such as q_proj; never the head."""


class Update(Section):
    """Optimizer steps of one round."""

    steps_per_round: Count = 1
    prompts_per_step: Count = 256
    learning_rate: Positive = 5e-5
    schedule: Literal["constant", "linear"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    """Linear warm-up from 0, in optimizer steps of the whole run."""
    total_steps: Count | None = None
    """Last step of `linear`, which reaches 0 just after it; explicit, so that more rounds change no finished one."""
    weight_decay: NonNegative = 0.01
    grad_clip: Positive = 1.0
    """Maximum norm of the gradient."""
    micro_batch_tokens: Count | None = None
    """Maximum tokens of one packed micro-batch; changes memory and speed, not the gradient, and reruns nothing. null:
    16,384 on a GPU, 512 on a CPU (docs/benchmarks.md)."""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    """How packed rows attend: `auto` holds no mask, so that memory and time grow with the tokens and not with their
    square, where the architecture allows it; the others are implementations of transformers."""
    checkpoint_activations: bool = False
    """Keep only the input of each layer and compute the rest again in the backward pass: far less memory, about a third
    more time, the same gradient."""
    lora: Lora | None = None
    """Train low-rank adapters of the student and keep its own weights; null: train all weights."""
    tis_cap: Positive | None = None
    """Truncated importance sampling: the losses of sampled tokens are multiplied by min(pi_old / pi_engine, cap), the
    trainer's probability at the round's start over that of the engine that sampled. null: by 1."""
    guards: Guards = Guards()
    ranks: Count = 1
    """Processes of the update job; may change from round to round, and reruns nothing."""
    deepspeed: Annotated[dict[str, Any], AfterValidator(check_deepspeed)] = {}
    """Passed to DeepSpeed; batch sizes, precision, clipping and optimizer come from the other keys. ZeRO stage 1 unless
    `zero_optimization.stage` is written, but stage 0 where `zero_optimization` is not, in float32 on one rank.
    `offload_optimizer` needs `zero_force_ds_cpu_optimizer: false`."""

    @model_validator(mode="after")
    def _linear_ends(self) -> "Update":
        if (self.schedule == "linear") != (self.total_steps is not None):
            raise ValueError("`schedule: linear` and `total_steps` belong together")
        if self.total_steps is not None and self.total_steps <= self.warmup_steps:
            raise ValueError("`total_steps` must exceed `warmup_steps`")
        return self
