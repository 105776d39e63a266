"""How much disk an experiment takes, worked out from its configuration before anything runs.

Counted are models that are made, policies, optimizer states, rollouts with their verdicts and scores, and batches.
Prompts, evaluations, metrics, logs and policies under `restored/` are not. Responses end early, so rollouts and
batches are upper bounds. An optimizer state (update/state.py) has 12 bytes for each trained parameter in every
precision: the weight in float32 and two moments.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scope.artifacts.weight_headers import Weights
from scope.config.experiment import Config
from scope.config.start import start_rounds
from scope.method.table import method_of
from scope.planning.adapters import trained_parameters
from scope.planning.random_init import made_parameters
from scope.planning.retention import keeps
from scope.planning.sharing import rollouts_name, scores_name, shared_rounds

WIDTH = {"float32": 4, "bfloat16": 2}  # bytes of one number
STATE_WIDTH = 3 * WIDTH["float32"]

# Bytes per response token in Parquet files, zstd-compressed. Real text in a vocabulary of 32 thousand tokens takes 1.2
# for ids and 0.8 for text; tokens sampled at random take 3.0 for ids (vocabulary of 151 thousand) and 3.7 for text.
# Log-probabilities take 3.4 to 5.9: float32, and in small files also an index into a dictionary that does not pay.
TOKEN_ID, TEXT, LOGPROB = 3, 4, 6
ROW = 64  # keys, verdict, extracted answer, weight and normaliser of one rollout: 3 to 30 bytes measured
PARQUET_FILE = 8_000  # footer with recipe, modules and digests of inputs: 3 to 6 kB measured
POLICY_FILES = 10_000  # safetensors header, configuration, tokenizer, manifest: 7 to 9 kB measured
STATE_FILES = 10_000  # safetensors header, manifest
WAITING = 2  # rounds whose files may wait to be deleted: one until it is graded, and the one after it


@dataclass(frozen=True)
class Projection:
    """Bytes on disk: five kinds at the end of the run, after deletion, their sum, and the most at any time.

    Rollouts (with their verdicts and scores) and batches are upper bounds; `shared` holds the models that are made;
    `per_state` is the largest state, `kept_states` how many stay.
    """

    policies: int
    states: int
    kept_states: int
    rollouts: int
    batches: int
    shared: int
    end: int
    peak: int
    per_policy: int
    per_state: int


def project(arms: Mapping[str, Config], weights: Mapping[str, Weights | None]) -> Projection:
    """Project the disk use of an experiment, in bytes, from the checked configuration of each of its arms.

    `weights` holds those of the folders "student" and "teacher", None for a model that the workflow makes. At the
    peak every arm and seed is taken to run at once, each with the files of WAITING rounds still to be deleted, and
    with a checkpoint of its update where a round has several steps.
    """
    configs = list(arms.values())
    first, seeds = configs[0], len(configs[0].seeds)
    size = parameters(first, "student", weights["student"])
    per_policy = size * WIDTH[first.models.dtype] + POLICY_FILES
    of_state = [trained_parameters(config, size) * STATE_WIDTH + STATE_FILES for config in configs]
    starts = {arm: config.start for arm, config in arms.items()}
    policies = [kept_policies(first, start_rounds(starts, arm)) for arm in arms]
    states = len(kept_rounds(first.retention.keep_states_every, first.rounds))
    rollouts = [own_rollouts(config) for config in configs]
    kinds = {
        "policies": seeds * sum(policies) * per_policy,
        "states": seeds * states * sum(of_state),
        "rollouts": seeds * (shared_rollouts(configs) + sum(kept for kept, _ in rollouts)),
        "batches": seeds * sum(config.rounds * batch_bytes(config) for config in configs),
        "shared": made_models(first, weights),
    }
    late = sum(min(WAITING, first.rounds - kept) for kept in policies) * per_policy
    late += min(WAITING, first.rounds - states) * sum(of_state)
    steps = [config.update.steps_per_round for config in configs]
    checkpoints = sum(state for state, number in zip(of_state, steps, strict=True) if number > 1)
    end = sum(kinds.values())
    peak = end + seeds * (checkpoints + late + sum(waiting for _, waiting in rollouts))
    kept = len(arms) * seeds * states
    return Projection(**kinds, kept_states=kept, end=end, peak=peak, per_policy=per_policy, per_state=max(of_state))


def made_models(config: Config, weights: Mapping[str, Weights | None]) -> int:
    """Bytes of the models that the workflow makes, in float32 whatever `models.dtype` is, and of those that it
    fine-tunes, as large as their folders; other folders are not copied."""
    made = [name for name, given in weights.items() if given is None]
    tuned = [given.bytes for name, given in weights.items() if given and getattr(config.models, name).sft]
    return sum(parameters(config, name, None) * WIDTH["float32"] + POLICY_FILES for name in made) + sum(tuned)


def parameters(config: Config, name: str, folder: Weights | None) -> int:
    """Parameters of a model: of a folder, stored in any number format, or of a Qwen3 to make, its head tied."""
    if folder is not None:
        return folder.parameters
    return made_parameters(config, name)


def kept_rounds(every: int, rounds: int) -> set[int]:
    """Rounds of which something kept every so many rounds stays: these, and the last one."""
    return {rounds, *(round_ for round_ in range(1, rounds) if keeps(every, round_))}


def kept_policies(config: Config, started_from: set[int]) -> int:
    """Policies of one arm and seed that stay, those of some rounds for other arms; the best one counts where it may be
    none of the others."""
    kept = kept_rounds(config.retention.keep_policies_every, config.rounds) | started_from
    evaluated = kept_rounds(config.evaluation.every, config.rounds)
    best = 1 if config.retention.keep_best and not evaluated <= kept else 0
    return len(kept) + best


def own_rollouts(config: Config) -> tuple[int, int]:
    """Bytes, at most, of the rollouts and scores of an arm's own policies, per seed: what stays, and what may wait."""
    own = config.rounds - shared_rounds(config)
    kept = own if config.retention.keep_rollouts == "all" else min(own, 1)
    of_round = rollout_bytes(config) + score_bytes(config)
    return kept * of_round, min(WAITING, own - kept) * of_round


def shared_rollouts(configs: list[Config]) -> int:
    """Bytes per seed, at most, of rollouts and scores that arms with equal settings have in common: each once."""
    configs = list(filter(shared_rounds, configs))
    rollouts = {rollouts_name(config): shared_rounds(config) * rollout_bytes(config) for config in configs}
    scores = {
        (rollouts_name(config), scores_name(config)): shared_rounds(config) * score_bytes(config)
        for config in configs
        if method_of(config.objective).scorer
    }
    return sum(rollouts.values()) + sum(scores.values())


def responses(config: Config) -> int:
    """Rollouts of one round."""
    return config.update.steps_per_round * config.update.prompts_per_step * config.rollout.n


def rollout_bytes(config: Config) -> int:
    """Bytes, at most, of one round's rollouts and verdicts."""
    row = config.rollout.max_tokens * (TOKEN_ID + TEXT + LOGPROB) + ROW
    return responses(config) * row + 2 * config.rollout.shards * PARQUET_FILE


def score_bytes(config: Config) -> int:
    """Bytes, at most, of one round's scores."""
    if method_of(config.objective).scorer is None:
        return 0
    return responses(config) * (config.rollout.max_tokens * LOGPROB + ROW) + config.rollout.shards * PARQUET_FILE


def batch_bytes(config: Config) -> int:
    """Bytes, at most, of one round's batch: ids of prompt and response, log-probabilities of student and scorer."""
    method, length = method_of(config.objective), config.rollout.max_tokens
    ids = (config.data.max_prompt_tokens + length) * TOKEN_ID
    logprobs = ((method.behaviour == "student") + (method.scorer is not None)) * length * LOGPROB
    return responses(config) * (ids + logprobs + ROW) + PARQUET_FILE


def free_bytes(path: str | Path) -> int:
    """Free bytes of the file system of `path`, or of its nearest parent that exists."""
    place = Path(path).resolve()
    return shutil.disk_usage(next(folder for folder in (place, *place.parents) if folder.exists())).free


def bytes_below(folder: str | Path) -> int:
    """Bytes of all files below a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def describe(projection: Projection, free: int, taken: int = 0) -> str:
    """The projection in one line; in a second one, where the peak does not fit, what to set.

    `free` bytes there are, and `taken` ones that the experiment already has of them.
    """
    policies, states = projection.policies // projection.per_policy, projection.kept_states
    kinds = {
        f"{policies} {'policy' if policies == 1 else 'policies'}": projection.policies,
        f"{states} {'state' if states == 1 else 'states'}": projection.states,
        "rollouts at most": projection.rollouts,
        "batches at most": projection.batches,
        "made models": projection.shared,
    }
    parts = ", ".join(f"{kind} {readable(size)}" for kind, size in kinds.items() if size)
    line = f"disk: about {readable(projection.end)} at the end ({parts}), {readable(projection.peak)} at the peak"
    line += f"; {readable(free)} free" + (f", {readable(taken)} taken already" if taken else "")
    if projection.peak <= free + taken:
        return line
    lacking = readable(projection.peak - free - taken)
    return (
        f"{line}\ndisk: with responses of full length the peak does not fit by {lacking}: "
        "free disk space, keep less (the section `retention`), or plan fewer arms or rounds"
    )


def readable(size: int) -> str:
    """A size in bytes as a text of two significant digits, in kB, MB, GB or TB."""
    rounded = float(f"{size:.2g}")
    power, unit = next(((p, u) for p, u in ((12, "TB"), (9, "GB"), (6, "MB")) if rounded >= 10**p), (3, "kB"))
    value = rounded / 10**power
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
