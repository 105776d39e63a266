"""Functions on several ranks: processes forked from a server that has imported the trainer once."""

import os
import sys
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from unittest import mock

SERVER = get_context("forkserver")


PRELOADED = ["trainers", "transformers.models.qwen3.modeling_qwen3"]


def on_ranks(world, function, *arguments):
    """Call a function of a module on each of `world` ranks; returns what it returns on each. Needs `rank_server`."""
    with (
        TemporaryDirectory() as store,
        mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        ProcessPoolExecutor(world, mp_context=SERVER) as pool,
    ):
        ranks = [pool.submit(_on_rank, rank, world, f"{store}/store", function, arguments) for rank in range(world)]
        if wait(ranks, timeout=120, return_when=FIRST_EXCEPTION).not_done:  # those that one left alone wait forever
            for process in list(pool._processes.values()):
                process.kill()
        return [rank.result() for rank in sorted(ranks, key=_failed, reverse=True)]


def _failed(rank):
    return bool(rank.exception()) and not isinstance(rank.exception(), BrokenProcessPool)


def _on_rank(rank, world, store, function, arguments):
    """Each process waits here for the others, so that none takes two ranks."""
    import torch.distributed as dist

    from scope.update.launch import join_ranks

    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank), "LOCAL_SIZE": str(world)}
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    join_ranks(world)
    made = function(*arguments)
    dist.barrier()
    return made
