"""Rollouts of a shard: which prompts it takes, and n seeded samples of each."""

from typing import Any

import polars as pl

from scope.artifacts.partial import Unfinished
from scope.models.token_ids import TokenIds
from scope.prompts.order import round_prompts
from scope.rollout.engine import Engine, Request, Sampling
from scope.rollout.recipe import RolloutRecipe
from scope.rollout.samples import sample_rows
from scope.seeds import derive_seed


def shard_prompts(prompts: pl.DataFrame, settings: RolloutRecipe, seed: int, round_: int, shard: int) -> pl.DataFrame:
    """The prompts that shard `shard` of a round samples; together the shards cover the round once."""
    chosen = round_prompts(prompts["prompt_id"].to_list(), seed, round_, settings.prompts_per_round)
    return prompts.filter(pl.col("prompt_id").is_in(chosen[shard :: settings.rollout.shards]))


def sample_groups(
    engine: Engine,
    prompts: pl.DataFrame,
    sampling: Sampling,
    work: Unfinished,
    *,
    n: int,
    seed: int,
    round_: int,
    tokens: TokenIds | None = None,
) -> list[dict[str, Any]]:
    """Rollout rows (schemas/rollouts.py): `n` samples of each prompt.

    A sample's seed is a hash of (seed, round, prompt_id, sample_index), so that sharding and order do not matter.
    `round_` 0 makes a static set: a prompt that comes again gets the same samples (KD). With `tokens`, an id that they
    lack is an InputError.
    """
    asked = [
        (prompt, ids, i) for prompt, ids in prompts.select("prompt_id", "prompt_token_ids").rows() for i in range(n)
    ]
    requests = [Request(ids, derive_seed(seed, round_, prompt, i)) for prompt, ids, i in asked]
    keys = [(prompt, i) for prompt, _, i in asked]
    return sample_rows(engine, keys, requests, sampling, work, "rollouts", tokens)
