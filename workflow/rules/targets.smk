# Functions again: what is asked for, by the targets and by the page.


def each_round(pattern, rounds=None):
    """A pattern for every arm and seed, over all rounds or the given ones, rounds ascending."""
    return [
        pattern.format(variant=variant, seed=seed, round=round_)
        for round_ in rounds or range(1, CONFIG.rounds + 1)
        for variant in CONFIG.arms
        for seed in CONFIG.seeds
    ]


def policies_in_order():
    return each_round(f"{ROUND}/policy/manifest.json")


def evaluated_rounds():
    """The last round, and every so many before it."""
    every = CONFIG.evaluation.every
    return sorted({CONFIG.rounds, *(range(every, CONFIG.rounds + 1, every) if every else ())})


def evaluations():
    arms = [each_round(f"{ROUND}/evaluate/{benchmark}.parquet", evaluated_rounds()) for benchmark in EVALUATED]
    shared = [
        f"{SHARED}/evaluate/{policy}/{benchmark}.parquet" for policy in ("base", "teacher") for benchmark in EVALUATED
    ]
    return shared + sum(arms, [])


def last_round(stage):
    """A stage's files of the last round, of every arm and seed."""
    return [
        f"{ROUND}/{stage}/{shard}.parquet".format(variant=variant, seed=seed, round=CONFIG.rounds)
        for variant in CONFIG.arms
        for seed in CONFIG.seeds
        for shard in range(ARMS[variant].rollout.shards)
    ]


def report_templates():
    """What the page is made of beside code: the fingerprint of its script does not see these."""
    folder = Path(workflow.basedir) / "scripts/scope/report"
    return sorted(str(path) for path in folder.iterdir() if path.suffix in (".j2", ".css"))
