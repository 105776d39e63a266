# Functions again: which files a round takes up, from where.
import json


def policy_before(wildcards):
    """The policy that an arm's round starts from: the base policy, or that of the round before."""
    if wildcards.round == "1":
        return model_manifest("student")
    return f"{round_folder(wildcards.arm, wildcards.seed, int(wildcards.round) - 1)}/policy/manifest.json"


def rollouts_folder(arm, seed, round_):
    """Where an arm's rollouts and verdicts of a round lie: its own folder, or a shared one."""
    plan = plan_for(arm)
    return round_folder(f"shared/{plan.rollouts}" if plan.shares_rollouts(int(round_)) else arm, seed, round_)


def rollout_files(arm, seed, round_, stage):
    """An arm's rollout or verify files of a round, all shards."""
    folder = rollouts_folder(arm, seed, round_)
    return [f"{folder}/{stage}/{shard}.parquet" for shard in range(plan_for(arm).config.rollout.shards)]


def rollout_inputs(wildcards):
    """Who draws: the policy so far, the base policy, or the teacher (KD), and its checks then."""
    plan, own = arm_plan(wildcards), not wildcards.arm.startswith("shared/")
    if own and plan.shares_rollouts(int(wildcards.round)):
        shared = rollouts_folder(wildcards.arm, wildcards.seed, wildcards.round)
        raise WorkflowError(f"{wildcards.arm}, round {wildcards.round}: its rollouts are shared; ask for {shared}")
    if int(wildcards.shard) >= plan.config.rollout.shards:
        raise WorkflowError(f"rollout/{wildcards.shard}.parquet: rollout.shards is {plan.config.rollout.shards}, so "
                            "the last shard has a lower number")  # fmt: skip
    if plan.behaviour == "teacher":
        return {"policy": model_manifest("teacher"), "checked": teacher_check(plan)}
    return {"policy": policy_before(wildcards) if own else model_manifest("student")}


def score_inputs(wildcards):
    """Who scores: the teacher, with its checks, or the base policy as GRPO's reference."""
    plan = arm_plan(wildcards)
    if plan.scorer == "teacher":
        return {"scorer": model_manifest("teacher"), "checked": teacher_check(plan)}
    return {"scorer": model_manifest("student")}


def weigh_inputs(wildcards):
    """All shards of a round; no scores where the objective uses none."""
    plan, place = plan_for(wildcards.arm), (wildcards.arm, wildcards.seed, wildcards.round)
    scores = plan.scores if plan.shares_rollouts(int(wildcards.round)) else "score"
    return {
        "rollouts": rollout_files(*place, "rollout"),
        "verdicts": rollout_files(*place, "verify"),
        "scores": rollout_files(*place, scores) if plan.scorer else [],
    }


def update_inputs(wildcards):
    """What a round's update takes up, and the teacher where the update itself needs its distribution."""
    before = round_folder(wildcards.arm, wildcards.seed, int(wildcards.round) - 1)
    return {
        "policy": policy_before(wildcards),
        "state": [] if wildcards.round == "1" else f"{before}/state/manifest.json",
        "teacher": model_manifest("teacher") if plan_for(wildcards.arm).exact_kl else [],
    }


def retire_inputs(wildcards):
    """What has to be done before a round's files may go, and what decides which policy is the best."""
    run, done = (wildcards.arm, wildcards.seed), int(wildcards.round)
    return {
        "after": f"{round_folder(*run, done + 1)}/policy/manifest.json",
        "evaluations": evaluations_before_retiring(*run, done),
    }


def evaluations_before_retiring(arm, seed, round_):
    """The evaluations that a policy has to wait for: its own, and where the best is kept those before it.

    A policy that is kept waits for none. A deleted one waited for those that its record names: later ones are made
    from a restored policy.
    """
    folder, keep = Path(round_folder(arm, seed, round_)), plan_for(arm).config.retention
    if (folder / "retired.json").is_file() and is_retired(folder / "policy/manifest.json"):
        return [path for path in json.loads((folder / "retired.json").read_text())["inputs"] if "/evaluate/" in path]
    if keeps(keep.policies_every, round_) and not keep.best:
        return []
    rounds = [r for r in evaluated_rounds() if (r <= round_ if keep.best else r == round_)]
    return [path for r in rounds for path in graded_in(f"{round_folder(arm, seed, r)}/evaluate")]


def graded_policy(wildcards):
    """A round's policy; where it was deleted and has to be graded now, the restored one."""
    folder = round_folder(wildcards.arm, wildcards.seed, wildcards.round)
    policy, run = f"{folder}/policy/manifest.json", (wildcards.arm, wildcards.seed)
    if not is_retired(policy) or trains_again(*run, int(wildcards.round)):
        return policy
    graded = graded_from(f"{folder}/evaluate/{GRADES.format(**wildcards)}", grading_recipe_of(wildcards))
    if graded:
        ANNOUNCED.update(round_folder(*run, round_) for round_ in range(1, int(wildcards.round) + 1))
    return graded or f"{folder}/restored/policy/manifest.json"


@cache
def trains_again(arm, seed, round_):
    """Whether this plan makes a round's policy anew, by what the arm's rollouts, batches and policies record so far."""
    if round_ > 1 and trains_again(arm, seed, round_ - 1):
        return True
    folder, recipes = round_folder(arm, seed, round_), plan_for(arm).recipes
    batch, first_rollouts = f"{folder}/batch.parquet", (rollout_files(arm, seed, 1, "rollout") if round_ == 1 else [])
    if not Path(batch).is_file() or not read_provenance(batch)["inputs"].keys() >= set(first_rollouts):
        return True
    made = {"weigh": [batch], "update": [f"{folder}/policy/manifest.json"]}
    made["rollout"] = [path for path in first_rollouts if Path(path).is_file()]
    return any(
        read_provenance(path)["recipe"] != json.loads(recipes[stage]) for stage, paths in made.items() for path in paths
    )


def graded_from(evaluation, wanted):
    """The policy that an evaluation was made from, where it is there, by this recipe, and its inputs are unchanged."""
    if not Path(evaluation).is_file():
        return None
    made = read_provenance(evaluation)
    changed = (digest_of(path) not in (None, digest) for path, digest in made["inputs"].items())
    if made["recipe"] != json.loads(wanted) or any(changed):
        return None
    return next(path for path in made["inputs"] if path.endswith("policy/manifest.json"))


def restore_inputs(wildcards):
    """Policy and state that a deleted round is recomputed from: those of the round before, restored if need be."""
    arm, seed, round_ = wildcards.arm, wildcards.seed, int(wildcards.round)
    policy = f"{round_folder(arm, seed, round_)}/policy/manifest.json"
    if not is_retired(policy):
        raise WorkflowError(f"{policy}: nothing was deleted here, so nothing is restored; ask for this one")
    start = restart_round(f"{RESULTS}/{arm}/seed{seed}", round_)
    announce(arm, seed, range(start + 1, round_ + 1))
    teacher = {"teacher": model_manifest("teacher") if plan_for(arm).exact_kl else []}
    if round_ == 1:
        return {"policy": model_manifest("student"), "state": [], **teacher}
    before = round_folder(arm, seed, round_ - 1)
    before = before if start == round_ - 1 else f"{before}/restored"
    return {"policy": f"{before}/policy/manifest.json", "state": f"{before}/state/manifest.json", **teacher}


ANNOUNCED = set()


def announce(arm, seed, rounds):
    """Say once, before anything starts, which deleted policies will be recomputed, and at which cost."""
    folders = {round_: round_folder(arm, seed, round_) for round_ in rounds}
    needed = [r for r in rounds if not is_there(f"{folders[r]}/restored/policy/manifest.json")]
    if not needed or folders[needed[-1]] in ANNOUNCED:
        return
    ANNOUNCED.update(folders.values())
    seconds = update_seconds(Path(f"{BENCHMARKS}/{arm}/seed{seed}").glob("round*/update.tsv"))
    cost = f", about {len(needed) * seconds:.0f} s" if seconds else ""
    origin = f"round {needed[0] - 1}" if needed[0] > 1 else "the base policy"
    say(
        f"{folders[needed[-1]]}/policy was deleted by the retention policy; to have it again, {len(needed)} update(s) "
        f"from {origin} on are repeated{cost}"
    )
