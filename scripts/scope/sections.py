"""The sections of a configuration file: every key, its type, its limits and what it is for."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _number(value: object) -> object:
    """YAML 1.1 reads `1e-6` as text; take such text as the number that it shows."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Real, Field(gt=0)]
NonNegative = Annotated[Real, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Bare = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Puzzle(Section):
    """Coins, the embedded world's procedurally generated puzzle (scope/puzzle.py)."""

    digits: int = Field(5, ge=2, le=9)
    """Digits given in each problem."""
    spend: list[Count] = Field([3], min_length=1)
    """How many digits a target is made of; one of these is drawn for each problem."""
    prompts: Count = 2048
    """Training problems."""
    problems: Count = 256
    """Held-out problems, the benchmark `coins`."""
    seed: int = 0
    """Seed of the generator."""


class Rows(Section):
    """A local Parquet or JSON-lines file of problems."""

    path: str
    """File path; `${NAME}` takes an environment variable."""
    domain: Literal["math", "puzzle"] = "math"
    """Which verdicts apply."""
    problem: str = "problem"
    """Column that holds the problem text."""
    answer: str = "answer"
    """Column that holds the answer."""
    limit: Count | None = None
    """Take only the first so many rows."""


class Data(Section):
    """What is trained and evaluated on: either a generated `puzzle`, or `train` and `benchmarks` files."""

    puzzle: Puzzle | None = None
    train: Rows | None = None
    benchmarks: dict[Bare, Rows] = {}
    """Held-out problems by name."""
    template: str = "{problem}"
    """Prompt text around `{problem}`."""
    max_prompt_tokens: Count = 4096
    """A longer prompt is never cut: see `overlong`."""
    overlong: Literal["error", "drop"] = "error"
    """Stop at an over-long prompt, or drop it and count it."""

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        if (self.puzzle is None) == (self.train is None):
            raise ValueError("give exactly one of `puzzle` and `train`")
        if self.train is not None and not self.benchmarks:
            raise ValueError("`train` needs at least one entry under `benchmarks`")
        if "{problem}" not in self.template:
            raise ValueError("`template` must contain {problem}")
        return self


class Tokenizer(Section):
    """The tokenizer of models that the workflow makes itself."""

    kind: Literal["characters", "bpe"] = "characters"
    """`characters` for the puzzle; `bpe` is trained on the prompts."""
    vocab_size: int = Field(512, ge=300)
    """Entries of a `bpe` vocabulary (`characters` has 17)."""


class Sft(Section):
    """Supervised steps that give a made model its first skill."""

    steps: Count
    canonical: float = Field(0.0, ge=0, le=1)
    """Share of examples that follow the one canonical route; the others take a random valid one."""
    batch: Count = 128
    """Examples per step."""
    learning_rate: Positive = 2e-3


class Make(Section):
    """A Qwen3-architecture model made from nothing."""

    hidden_size: Count
    intermediate_size: Count
    layers: Count = 3
    heads: Count = 4
    kv_heads: Count = 2
    head_dim: Count = 32
    seed: int = 0
    sft: Sft | None = None
    """None leaves the random initialisation."""


class Model(Section):
    """A Hugging Face folder on disk (`path`), or a model to make (`make`)."""

    path: str | None = None
    """Folder with config.json, *.safetensors and a tokenizer; `${NAME}` takes an environment variable."""
    make: Make | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Model":
        if (self.path is None) == (self.make is None):
            raise ValueError("give exactly one of `path` (a model folder) and `make` (a model to make)")
        return self


class Models(Section):
    """Student and teacher."""

    student: Model
    teacher: Model
    tokenizer: Tokenizer = Tokenizer()
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Arithmetic of rollout, scoring and update."""


class Rollout(Section):
    """Sampling of the training rollouts; top-p and top-k are off, as Eqs. 1 to 3 assume."""

    engine: Literal["vllm", "transformers"] = "vllm"
    n: Count = 8
    """Rollouts per prompt, the size of a group."""
    temperature: Positive = 0.6
    max_tokens: Count = 12288
    """Response tokens, EOS included."""
    shards: Count = 1
    """Jobs that a round's prompts are dealt to."""


class LogprobTemperature(Section):
    """Temperature at which log-probabilities are taken: a number, or `rollout` for that of the rollouts."""

    student: Literal["rollout"] | Positive = "rollout"
    teacher: Literal["rollout"] | Positive = "rollout"


class Server(Section):
    """An OpenAI-compatible vLLM server that scores token ids; its key comes from SCOPE_TEACHER_API_KEY."""

    url: str
    """Base address, such as http://127.0.0.1:8101."""
    model: str
    """The served model's name."""
    timeout_s: Positive = 120.0
    """Deadline of one request."""
    attempts: Count = 5
    """Tries per request before the stage fails."""
    concurrency: Count = 16
    """Requests in flight."""


class Teacher(Section):
    """Where teacher log-probabilities come from."""

    backend: Literal["local", "server"] = "local"
    """`local`: a packed forward pass inside the job; `server`: requests to `server`."""
    server: Server | None = None
    pack_tokens: Count = 8192
    """Most tokens in one packed forward pass."""

    @model_validator(mode="after")
    def _server_given(self) -> "Teacher":
        if (self.backend == "server") != (self.server is not None):
            raise ValueError("`backend: server` and the section `server` (url, model) belong together")
        return self


class Objective(Section):
    """Which method makes losses, weights and advantages out of verdicts and scores (scope/methods.py)."""

    method: Literal["scope", "opd", "grpo", "kd"] = "scope"
    mode: Literal["paper", "released"] = "paper"
    """`paper`: Eqs. 1 to 6; `released`: what the authors' published code computes."""
    tau: Positive = 1.0
    """Temperature of the weights, Eqs. 4 and 5."""
    student_weight: Literal["high_ppl", "low_ppl", "uniform"] | None = None
    """Correct path; null: as the mode has it (paper high_ppl, released low_ppl)."""
    teacher_weight: Literal["low_ppl", "high_ppl", "uniform"] | None = None
    """Incorrect path; null: low_ppl, as both modes have it."""
    scale: Literal["sum", "mean"] | None = None
    """Weights of a path sum to 1, or have mean 1; null: as the mode has it (paper sum, released mean)."""
    kl: Literal["sampled", "full"] = "sampled"
    """Eq. 3's single-sample estimator, or the exact reverse KL over the vocabulary."""
    token_reduction: Literal["mean", "sum"] = "mean"
    """Over the tokens of one response; `released` normalises over tokens of the batch instead."""
    opd_clip: Positive | None = None
    """Clip of the ratio in the opd loss; null: none in paper mode, 0.2 in released mode."""
    pg_clip: Positive = 0.2
    """Clip of the ratio in GRPO's surrogate."""
    kl_coefficient: NonNegative = 1e-4
    """GRPO's k3 KL to the reference policy; 0 drops the reference altogether."""
    advantage_eps: Positive = 1e-6
    """Added to the standard deviation of a group's rewards (GRPO)."""
    drop_incorrect: bool = False
    """KD: train only on the teacher's correct samples."""

    @model_validator(mode="after")
    def _released_is_scope(self) -> "Objective":
        if self.mode == "released" and (self.method != "scope" or self.kl != "sampled"):
            raise ValueError("`mode: released` exists for `method: scope` with `kl: sampled` only")
        return self


class Update(Section):
    """Optimizer steps of one round."""

    steps_per_round: Count = 1
    prompts_per_step: Count = 256
    learning_rate: Positive = 5e-5
    schedule: Literal["constant", "linear"] = "constant"
    warmup_steps: int = Field(0, ge=0)
    """Linear warm-up from 0, in optimizer steps of the whole run."""
    total_steps: Count | None = None
    """Last step of `linear`, which reaches 0 just after it; explicit, so that adding rounds changes no finished one."""
    weight_decay: NonNegative = 0.01
    grad_clip: Positive = 1.0
    """Bound on the gradient's norm."""
    micro_batch_tokens: Count = 16384
    """Most tokens of one packed micro-batch; changes memory and speed, not the gradient."""
    ranks: Count = 1
    """Processes of the update job."""
    deepspeed: dict[str, Any] = {"zero_optimization": {"stage": 1}}
    """Passed to DeepSpeed as it is; batch sizes, precision, clipping and optimizer are set from above."""

    @model_validator(mode="after")
    def _linear_ends(self) -> "Update":
        if (self.schedule == "linear") != (self.total_steps is not None):
            raise ValueError("`schedule: linear` and `total_steps` belong together")
        if self.total_steps is not None and self.total_steps <= self.warmup_steps:
            raise ValueError("`total_steps` must exceed `warmup_steps`")
        owned = {"train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps",
                 "gradient_clipping", "optimizer", "scheduler", "fp16", "bf16"} & set(self.deepspeed)  # fmt: skip
        if owned:
            raise ValueError(f"`deepspeed` may not set {', '.join(sorted(owned))}: other keys of `update` do")
        return self


class Sampling(Section):
    """How evaluation samples are drawn."""

    temperature: Positive = 0.6
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    """0 switches it off."""
    repetition_penalty: Positive = 1.0


class Evaluation(Section):
    """Grading of the base policy, the teacher and each arm's policies on the held-out benchmarks."""

    engine: Literal["vllm", "transformers"] = "vllm"
    n: Count = 32
    """Samples per problem."""
    max_tokens: Count = 32768
    samplings: dict[Name, Sampling] = {"paper": Sampling(temperature=0.6, top_p=0.95, top_k=20)}
    """Named ways of sampling; every policy is graded under each."""
    every: int = Field(0, ge=0)
    """Also evaluate every so many rounds; 0 evaluates the last round only."""
    seed: int = 0


class Report(Section):
    """The page at the end."""

    title: str = "SCOPE"
    question: str = "Does routing rollouts by correctness, each path weighted by perplexity, help the student?"
    bootstrap: Count = 2000
    """Resamples behind each interval and behind best@k."""


class Tracking(Section):
    """Where step metrics go beside JSONL and Parquet."""

    wandb: Literal["disabled", "offline", "online"] = "offline"
    """`offline` needs no account: `wandb sync` uploads later."""
    project: Name = "scope"
