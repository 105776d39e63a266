"""Where the results of an experiment lie: every path below results/, made here and parsed in place.py.

    results/{experiment}/
      report.html                            the report; {arm}/report.html is that of one arm
      figures/{figure}.svg
      recipes/{digest}.json                  the recipe that a job runs with
      timings/                               times of jobs and of steps, in folders like those of the jobs
      shared/                                what belongs to no arm alone
        tokenizer/  models/{model}/          folders with a manifest.json
        check_rows/train.json  check_problems/{benchmark}.json
        prompts/train.parquet  problems/{benchmark}.parquet  check_teacher.parquet
        evaluate/{base or teacher}/...       as below; {rollouts}/seed{seed}/round{round}/ holds shared rollouts
      {arm}/seed{seed}/round{round}/
        rollout/  verify/  score/            {shard}.parquet
        batch.parquet  metrics.parquet  metrics.jsonl  retired.json
        policy/  state/                      folders with a manifest.json; restored/ holds recomputed ones
        evaluate/{benchmark}/{sampling}/     {shard}.samples.parquet, and {shard}.parquet with their verdicts
        evaluate/summary.md  evaluate/lm_eval/ on demand; a folder in shared/evaluate/ may hold them too

A name may be a wildcard, such as `{arm}`: then the path is a pattern for the rules. Paths of a round are made in
round_paths.py. These modules need nothing but the standard library.
"""

from dataclasses import dataclass

from scope.artifacts.names import MANIFEST, REPORT, RESULTS, ROUND, SEED, SHARED, TIMINGS
from scope.artifacts.round_paths import Round

RESERVED = (SHARED, TIMINGS, "figures", "recipes", "base", "teacher")
"""Names that no arm may have: of folders beside those of the arms, and of the policies that belong to no arm."""
NAME = r"[A-Za-z0-9][A-Za-z0-9._=+-]*"
"""Regular expression of an arm's name and of a folder of shared rollouts."""
EVALUATED = rf"{SHARED}/evaluate/(base|teacher)|{NAME}/{SEED}\d+/{ROUND}[1-9]\d*/evaluate"
"""Regular expression of a folder of evaluations of one policy, as seen from the folder of the experiment."""


def issues_file(prompts: str) -> str:
    """The table of issues that were found while prompts were made."""
    return f"{prompts.removesuffix('.parquet')}.issues.parquet"


def record_file(found: str) -> str:
    """The table of what was found in rows, with its provenance."""
    return f"{found.removesuffix('.json')}.parquet"


def evaluation_file(folder: str, benchmark: str, sampling: str, shard: int | str) -> str:
    """One shard of the evaluations of a policy, given the folder of them all."""
    return f"{folder}/{benchmark}/{sampling}/{shard}.parquet"


def samples_file(folder: str, benchmark: str, sampling: str, shard: int | str) -> str:
    """The samples of one shard of the evaluations of a policy, given the folder of them all."""
    return f"{folder}/{benchmark}/{sampling}/{shard}.samples.parquet"


@dataclass(frozen=True, slots=True)
class Shared:
    """The files that belong to no arm alone."""

    root: str
    """Folder of the experiment."""

    @property
    def folder(self) -> str:
        """The folder of all of them."""
        return f"{self.root}/{SHARED}"

    @property
    def tokenizer(self) -> str:
        """Manifest of the tokenizer that the workflow makes."""
        return f"{self.folder}/tokenizer/{MANIFEST}"

    @property
    def prompts(self) -> str:
        """Training prompts in the student's tokens."""
        return f"{self.folder}/prompts/train.parquet"

    @property
    def endpoints(self) -> str:
        """Folder in which teacher servers publish their addresses."""
        return f"{self.folder}/teacher"

    @property
    def logs(self) -> str:
        """Folder of logs."""
        return f"{self.folder}/logs"

    @property
    def found_in_training(self) -> str:
        """What was found wrong with the rows of training."""
        return f"{self.folder}/check_rows/train.json"

    def found_in(self, benchmark: str) -> str:
        """What was found wrong with the rows of a benchmark."""
        return f"{self.folder}/check_problems/{benchmark}.json"

    def model(self, name: str) -> str:
        """Manifest of the student (the base policy) or of the teacher."""
        return f"{self.folder}/models/{name}/{MANIFEST}"

    def problems(self, benchmark: str) -> str:
        """Problems of a benchmark in the student's tokens."""
        return f"{self.folder}/problems/{benchmark}.parquet"

    def check(self, name: str) -> str:
        """Results of the teacher's checks."""
        return f"{self.folder}/{name}.parquet"

    def evaluations(self, policy: str) -> str:
        """Folder of the evaluations of the base policy or of the teacher."""
        return f"{self.folder}/evaluate/{policy}"

    def log(self, name: str) -> str:
        """Log of a job."""
        return f"{self.logs}/{name}.log"

    def timing(self, name: str) -> str:
        """Seconds and memory of a job."""
        return f"{self.root}/{TIMINGS}/{SHARED}/{name}.tsv"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What is made on demand of the evaluations of one policy."""

    folder: str
    """Folder of its evaluations."""

    @property
    def summary(self) -> str:
        """Accuracy on all benchmarks."""
        return f"{self.folder}/summary.md"

    def lm_eval_results(self, sampling: str) -> str:
        """Results in the form of lm-evaluation-harness."""
        return f"{self.folder}/lm_eval/results_{sampling}.json"

    def lm_eval_samples(self, benchmark: str, sampling: str) -> str:
        """Samples in the form of lm-evaluation-harness."""
        return f"{self.folder}/lm_eval/samples_{benchmark}_{sampling}.jsonl"

    def log(self, name: str) -> str:
        """Log of a job."""
        return f"{self.folder}/logs/{name}.log"


@dataclass(frozen=True, slots=True)
class Layout:
    """All paths of one experiment."""

    experiment: str

    @property
    def root(self) -> str:
        """The folder of the experiment."""
        return f"{RESULTS}/{self.experiment}"

    @property
    def shared(self) -> Shared:
        """What belongs to no arm alone."""
        return Shared(self.root)

    @property
    def timings(self) -> str:
        """Folder of the times of jobs."""
        return f"{self.root}/{TIMINGS}"

    @property
    def recipes(self) -> str:
        """Folder of recipes."""
        return f"{self.root}/recipes"

    @property
    def report(self) -> str:
        """The report on all arms."""
        return f"{self.root}/{REPORT}"

    def round(self, arm: str, seed: int | str, round_: int | str) -> Round:
        """One round of an arm."""
        return Round(self.root, f"{arm}/{SEED}{seed}/{ROUND}{round_}")

    def shared_round(self, rollouts: str, seed: int | str, round_: int | str) -> Round:
        """One round of rollouts that several arms use."""
        return self.round(f"{SHARED}/{rollouts}", seed, round_)

    def recipe(self, digest: str) -> str:
        """The recipe of a digest."""
        return f"{self.recipes}/{digest}.json"

    def arm_report(self, arm: str) -> str:
        """The report on one arm."""
        return f"{self.root}/{arm}/{REPORT}"

    def evaluated(self, folder: str) -> "Evaluated":
        """The files of one evaluated policy; its folder is named from the experiment's, as EVALUATED is."""
        return Evaluated(f"{self.root}/{folder}")

    def figure(self, name: str) -> str:
        """One figure."""
        return f"{self.root}/figures/{name}.svg"

    def report_log(self, arm: str | None = None) -> str:
        """Log of a report: of all arms, or of one."""
        return f"{self.root}/{arm}/report.log" if arm else f"{self.root}/report.log"

    def figure_log(self, name: str) -> str:
        """Log of a figure."""
        return f"{self.root}/figures/logs/{name}.log"
