"""One process per rank: a single process, torchrun on one node, or one torchrun on each of several nodes."""

import os
import socket
import sys
from datetime import timedelta

from scope.errors import InputError
from scope.slurm.commands import ask, node_address

PATIENCE = timedelta(hours=1)
"""How long ranks wait for one that works alone: the first hashes the states of all (DeepSpeed's own: 10 minutes)."""


def relaunch(ranks: int) -> None:
    """Run `ranks` processes of this same command line and exit, unless a launcher has already made them.

    On several nodes (workflow/stage.sh starts the command once on each) every node becomes a launcher of its part, and
    they meet over TCP at the first node. Raises InputError where the ranks cannot be dealt evenly to the nodes.
    """
    nodes = int(os.environ.get("SCOPE_NODES", 1))
    if ranks == 1 == nodes or "RANK" in os.environ:
        return
    if ranks % nodes:
        raise InputError(
            f"update.ranks is {ranks}, which {nodes} nodes cannot share evenly; set it to a multiple, or "
            "the resource `nodes` of the rule update to a divisor",
            "uneven-ranks",
        )
    # The launcher that ends first takes the meeting point away, and the others would log that as an error.
    os.environ.setdefault("LOGLEVEL", "CRITICAL")
    meeting = ["--standalone"] if nodes == 1 else several_nodes(nodes)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.run import main

    try:
        main([f"--nproc-per-node={ranks // nodes}", *meeting, *sys.argv])
    except SignalException as signal:  # the ranks have ended, each with its own line
        sys.exit(128 + signal.sigval)
    sys.exit(0)


def several_nodes(nodes: int) -> list[str]:
    """Options of torchrun on this node of a SLURM step: its number, and where the first node listens."""
    first = ask("scontrol", "show", "hostnames", os.environ["SLURM_STEP_NODELIST"]).split()[0]
    place = {
        "node-rank": os.environ["SLURM_NODEID"],
        "master-addr": node_address(first),
        "master-port": os.environ["SCOPE_PORT"],
    }
    return [f"--nnodes={nodes}", *(f"--{option}={value}" for option, value in place.items())]


def join_ranks(ranks: int) -> int:
    """Start torch.distributed through DeepSpeed; returns this process's rank.

    Raises RuntimeError when the launcher made another number of processes than `update.ranks`.
    """
    os.environ.setdefault("RANK", "0")
    os.environ.setdefault("WORLD_SIZE", "1")
    os.environ.setdefault("LOCAL_RANK", "0")
    if int(os.environ["WORLD_SIZE"]) != ranks:
        raise RuntimeError(f"update.ranks is {ranks}, but the launcher made {os.environ['WORLD_SIZE']} processes")
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(_card(int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()))
    else:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed

    # Compiled on first use, and only a speed-up between ranks of one CPU host.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if ranks == 1:
        _single_process_group()
    deepspeed.init_distributed(verbose=False, timeout=PATIENCE)
    return int(os.environ["RANK"])


def _card(local_rank: int, cards: int) -> int:
    """The number of this rank's card among those of its node. Raises InputError where there are too few."""
    if local_rank >= cards:
        raise InputError(
            f"update.ranks asks for more than the {cards} GPUs that this job sees on {socket.gethostname()} "
            f"(CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}); request a GPU for each rank "
            "in the profile's resources of the rule update, or lower update.ranks",
            "too-few-gpus",
        )
    return local_rank


def leave_ranks() -> None:
    """Leave torch.distributed and end this process, whose work is done, without the interpreter's own teardown.

    There threads of the groups that DeepSpeed holds on to aborted one of twenty two-rank updates on CPU, after
    everything was written: torchrun then took the job as failed.
    """
    import torch.distributed as dist

    dist.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _single_process_group() -> None:
    """A group of one over an in-memory store: no port, so that jobs on one host never collide."""
    import torch
    import torch.distributed as dist

    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "0")
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    store = dist.HashStore()  # pyright: ignore[reportPrivateImportUsage]
    dist.init_process_group(backend, store=store, rank=0, world_size=1)
