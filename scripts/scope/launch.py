"""One process per rank: torchrun on one node, SLURM's own ranks, or a single process."""

import os
import sys

SLURM = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}


def relaunch(ranks: int) -> None:
    """Become `ranks` processes of this same command line, unless a launcher has already made them."""
    if ranks > 1 and "RANK" not in os.environ and int(os.environ.get("SLURM_NTASKS", 1)) == 1:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
        os.execv(sys.executable, [*torchrun, *sys.argv])


def join_ranks(ranks: int) -> int:
    """Start torch.distributed through DeepSpeed; returns this process's rank.

    Raises RuntimeError when the launcher made another number of processes than `update.ranks`.
    """
    if "RANK" not in os.environ and int(os.environ.get("SLURM_NTASKS", 1)) > 1:
        os.environ.update({name: os.environ[source] for name, source in SLURM.items()})
    os.environ.setdefault("RANK", "0")
    os.environ.setdefault("WORLD_SIZE", "1")
    os.environ.setdefault("LOCAL_RANK", "0")
    if int(os.environ["WORLD_SIZE"]) != ranks:
        raise RuntimeError(f"update.ranks is {ranks}, but the launcher made {os.environ['WORLD_SIZE']} processes")
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    else:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed

    # Compiled on first use, and only a speed-up between ranks of one CPU host.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if ranks == 1:
        _single_process_group()
    deepspeed.init_distributed(verbose=False)
    return int(os.environ["RANK"])


def _single_process_group() -> None:
    """A group of one over an in-memory store: no port, so that jobs on one host never collide."""
    import torch
    import torch.distributed as dist

    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "0")
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
