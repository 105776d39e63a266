"""The replica that a configuration asks for: `vllm serve` on the teacher, for scoring."""

import os
import socket
import sys
from pathlib import Path

from scope.artifacts.digests import file_digest
from scope.artifacts.folder import open_folder
from scope.artifacts.layout import Layout
from scope.errors import InputError
from scope.score.api_key import need_key
from scope.score.client import Server
from scope.score.from_config import need_connection
from scope.score.service.registry import Record
from scope.score.service.replica import Replica
from scope.slurm.commands import node_address
from scope.slurm.jobs import job_end

# What the environment of the job sets comes first, such as VLLM_LOGGING_LEVEL=INFO for the throughput.
ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore::FutureWarning"}
CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
# Prompt log-probabilities need memory that vLLM does not plan for: vocabulary x batched tokens, several times over.
GPU_OPTIONS = {"max-num-batched-tokens": 2048, "gpu-memory-utilization": 0.85}


def open_replica(config, manifest: Path, host: str | None) -> Replica:
    """A replica on this node, at `host` or the node's own address, of the model of `manifest`."""
    section, connection = config.teacher, need_connection(config.teacher, config.experiment)
    key, model = need_key(connection.key_file), section.server.model
    host = host or own_address()
    url, job = f"http://{host}:{free_port(host)}", os.environ.get("SLURM_JOB_ID")
    cpu = not has_accelerator()
    command = serve_command(config, open_folder(manifest), url, cpu=cpu)
    log = Path(Layout(config.experiment).shared.log(f"teacher.{job or os.getpid()}.vllm"))
    probe = Server(url, model, key=key, timeout_s=connection.timeout_s)
    record = Record(url, model, file_digest(manifest), socket.gethostname(), os.getpid(), job, job_end(), 0.0, 0.0)
    return Replica(command, environment(key, cpu=cpu), log, probe, record, connection.folder, section.managed)


def serve_command(config, folder: Path, url: str, *, cpu: bool) -> list[str]:
    """`vllm serve` of the environment that this process runs in; the user's arguments come last and take precedence."""
    service = config.teacher.managed
    host, port = url.removeprefix("http://").rsplit(":", 1)
    options = {
        "host": host,
        "port": port,
        "served-model-name": config.teacher.server.model,
        "dtype": config.models.dtype,
        "max-model-len": service.max_model_len or config.data.max_prompt_tokens + config.rollout.max_tokens + 1,
        "load-format": "safetensors",
        "generation-config": "vllm",
        "uvicorn-log-level": "warning",
        **({} if cpu else GPU_OPTIONS),
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    program = Path(sys.executable).parent / "vllm"
    return [str(program), "serve", str(folder), *words, *(["--enforce-eager"] if cpu else []), *service.arguments]


def environment(key: str, *, cpu: bool) -> dict[str, str]:
    """The environment of the server, which reads its key there."""
    return {**ENVIRONMENT, **(CPU_ENVIRONMENT if cpu else {}), **os.environ, "VLLM_API_KEY": key}


def own_address() -> str:
    """The address at which other nodes reach this one; loopback outside of SLURM."""
    node = os.environ.get("SLURMD_NODENAME")
    return node_address(node) if node else "127.0.0.1"


def free_port(host: str) -> int:
    """A port of an address of this machine that nobody listens on."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise InputError(
                f"{host} is not an address of this machine ({error}); set one with --host", "foreign-address"
            ) from None
        return probe.getsockname()[1]


def has_accelerator() -> bool:
    """Whether vLLM will run on an accelerator."""
    import torch

    return torch.cuda.is_available()
