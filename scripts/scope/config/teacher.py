"""Section on the teacher: which backend scores, and its servers."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scope.config.types import Count, Positive, Section

# Set by the replica itself, or changing log-probabilities, which no recipe would show.
OWN_OPTIONS = (
    "--host", "--port", "--api-key", "--model", "--served-model-name", "--dtype", "--generation-config",
    "--max-model-len", "--load-format", "--quantization", "--kv-cache-dtype",
)  # fmt: skip


class Server(Section):
    """vLLM servers that score token ids. Only `model` is in a recipe: the other keys change no score."""

    model: str
    """The served model's name."""
    urls: list[Annotated[str, Field(pattern=r"^https?://[^/]+")]] = []
    """Backend `external`: base addresses, such as http://10.0.0.5:8101."""
    addresses: list[str] = []
    """Backend `external`, instead of `urls`: hosts that serve at `port`."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of all `addresses`."""
    key_file: str = "~/.config/scope/teacher.key"
    """File with the servers' key, readable by its owner only; the variable SCOPE_TEACHER_API_KEY overrides it."""
    timeout_s: Positive = 120.0
    """Deadline of one request."""
    attempts: Count = 5
    """Tries per rollout, at any server, before the stage fails."""
    concurrency: Count = 16
    """Concurrent requests of one job to each server."""
    patience_s: Positive = 900.0
    """How long a job waits while no server answers, before it fails."""

    @property
    def endpoints(self) -> list[str]:
        """Base addresses of external servers."""
        return self.urls or [f"http://{address}:{self.port}" for address in self.addresses]

    @model_validator(mode="after")
    def _one_way(self) -> "Server":
        if bool(self.addresses) != (self.port is not None) or (self.urls and self.addresses):
            raise ValueError("give `urls`, or `addresses` and `port`")
        return self


class Managed(Section):
    """Backend `managed`: replicas, each a SLURM job, started by scripts/teacher_service.py. No part of a recipe."""

    replicas: Count = 1
    folder: str | None = None
    """Folder of endpoint records, on a file system of all nodes; null: results/{experiment}/shared/teacher."""
    heartbeat_s: Positive = 15.0
    """Time between two scored probes of a replica; each renews its record."""
    deadline_s: Positive = 1800.0
    """A replica that scores no probe for this long, at its start or later, is stopped."""
    idle_s: Positive | None = 7200.0
    """A replica without requests for this long stops; null: never. Set it longer than rollout and
    update of a round take."""
    max_model_len: Count | None = None
    """Maximum tokens of a prompt with its response; null: data.max_prompt_tokens + rollout.max_tokens + 1."""
    arguments: list[str] = []
    """Further arguments of `vllm serve`, such as [--tensor-parallel-size, "2"]; none that changes log-probabilities."""

    @model_validator(mode="after")
    def _own_options(self) -> "Managed":
        taken = [argument for argument in self.arguments if argument.split("=")[0].replace("_", "-") in OWN_OPTIONS]
        if taken:
            raise ValueError(f"`arguments` may not hold {taken[0]}: other keys decide it, or it would change scores")
        return self


class Teacher(Section):
    """Where teacher log-probabilities come from."""

    backend: Literal["in_process", "external", "managed"] = "in_process"
    """`in_process`: a packed forward pass inside the job; `external`: your own servers (`server`); `managed`: replicas
    as SLURM jobs (`managed`)."""
    server: Server | None = None
    managed: Managed = Managed()
    pack_tokens: Count | None = None
    """Maximum tokens in one packed forward pass. null: 16,384 on a GPU, 512 on a CPU (docs/benchmarks.md)."""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    """As `update.attention`, for passes in the job."""

    @model_validator(mode="after")
    def _server_given(self) -> "Teacher":
        if self.backend == "in_process" and self.server:
            raise ValueError("the section `server` belongs to `backend: external` and `backend: managed`")
        if self.backend != "in_process" and not self.server:
            raise ValueError(f"`backend: {self.backend}` needs the section `server`, with the `model` that it serves")
        given = bool(self.server and self.server.endpoints)
        if self.backend == "external" and not given:
            raise ValueError("`backend: external` needs `server.urls`, or `server.addresses` and `server.port`")
        if self.backend == "managed" and given:
            raise ValueError("`server.urls` and `server.addresses` are for `backend: external`; replicas write down "
                             "where they are")  # fmt: skip
        return self
