# Functions again: which benchmarks are at hand, and where the evaluations on them lie.
ABSENT = {}


def available_files(name, rows):
    """The files of a benchmark; where one is not there, none, and why."""
    try:
        files = row_files(rows)
    except InputError as error:
        ABSENT[name] = str(error)
        return []
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        ABSENT[name] = f"{missing[0]} is not there; put the file there"
    return [] if missing else files


BENCHMARK_FILES = {name: available_files(name, rows) for name, rows in CONFIG.data.benchmarks.items()}
GENERATED = ["coins" if CONFIG.data.puzzle else "functions"]
EVALUATED = sorted(BENCHMARK_FILES.keys() - ABSENT.keys()) if BENCHMARK_FILES else GENERATED
if not EVALUATED:
    raise WorkflowError("no benchmark is there: " + "; ".join(ABSENT.values()))


def with_available_benchmarks(config):
    """A configuration without the benchmarks that are absent."""
    there = {name: rows for name, rows in config.data.benchmarks.items() if name not in ABSENT}
    return config.model_copy(update={"data": config.data.model_copy(update={"benchmarks": there})})


def skipped():
    """A line for every benchmark without its file, and how to supply it."""
    return [
        f"Warning: benchmark {name} is skipped: {why} (its columns are under data.benchmarks.{name}); then the same "
        "command grades every policy on it"
        for name, why in sorted(ABSENT.items())
    ]


# Evaluations of one policy lie in a folder, those of the base policy and the teacher in shared ones.
GRADED_ONCE = f"{SHARED}/evaluate/{{policy}}"
GRADES = "{benchmark}/{sampling}/{shard}.parquet"
GRADING = "{benchmark}.{sampling}.{shard}"
GRADED = rf"shared/evaluate/(base|teacher)|{ARM}/seed\d+/round[1-9]\d*/evaluate"


def benchmark_rows(wildcards):
    return BENCHMARK_FILES.get(wildcards.benchmark, [])


def held_out():
    """The files of every benchmark that training problems are compared with, by name."""
    names = CONFIG.data.decontaminate
    return {name: files for name, files in BENCHMARK_FILES.items() if files and (names is None or name in names)}


def held_out_flags():
    return " ".join(flag("held-out", name, *files) for name, files in held_out().items())


@cache
def recipe_under(sampling):
    return grading_recipe(CONFIG, sampling)


def grading_recipe_of(wildcards):
    """A params function: the recipe of evaluations under a job's way of sampling."""
    return recipe_under(wildcards.sampling)


def graded_in(folder, samplings=CONFIG.evaluation.samplings):
    """All evaluations of one policy: every benchmark at hand, every way of sampling, every shard."""
    return [
        f"{folder}/{GRADES.format(benchmark=benchmark, sampling=sampling, shard=shard)}"
        for benchmark in EVALUATED
        for sampling in samplings
        for shard in range(CONFIG.evaluation.shards)
    ]
