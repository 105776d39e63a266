"""The recipes of what is made from rows of problems: their checks, prompts, and the tokenizer."""

from typing import Any, cast

from scope.config.data import ProblemFile, Rows
from scope.config.experiment import Config
from scope.planning.content import rows_content
from scope.planning.take import take
from scope.prompts.check_recipe import CheckedBenchmark, CheckedTraining, CheckProblemsRecipe, CheckRowsRecipe
from scope.prompts.recipe import BenchmarkSettings, ProblemsRecipe, PromptsRecipe, TrainingSettings
from scope.prompts.rows import ProblemRows
from scope.prompts.tokenizer_recipe import TokenizerData, TokenizerModels, TokenizerRecipe


def domain(config: Config, benchmark: str | None = None) -> str:
    """The domain of the problems of training, or of a benchmark."""
    data = config.data
    if data.world:
        return data.world.domain
    rows = data.benchmarks[benchmark] if benchmark else data.train
    return cast(Rows, rows).domain


def tokenizer_recipe(config: Config) -> TokenizerRecipe:
    """The tokenizer of made models."""
    train = with_content(config.data.train)
    return TokenizerRecipe(
        models=take(TokenizerModels, config.models), data=take(TokenizerData, config.data, train=train)
    )


def prompts_recipe(config: Config) -> PromptsRecipe:
    """The prompts of training."""
    return PromptsRecipe(data=take(TrainingSettings, config.data, train=with_content(config.data.train)))


def check_rows_recipe(config: Config) -> CheckRowsRecipe:
    """What is found in the rows of training."""
    return CheckRowsRecipe(
        data=take(CheckedTraining, config.data, train=with_content(config.data.train)), held_out=held_out(config)
    )


def check_problems_recipe(config: Config, benchmark: str) -> CheckProblemsRecipe:
    """What is found in the rows of one benchmark."""
    return CheckProblemsRecipe(data=take(CheckedBenchmark, config.data, benchmarks=_only(config, benchmark)))


def with_content(rows: ProblemFile | None) -> dict[str, Any] | None:
    """A section that names files of problems, with the content of these files; None where there is none."""
    return rows and {**rows.model_dump(), "content": rows_content(rows)}


def _only(config: Config, benchmark: str) -> dict[str, Any]:
    """One of the benchmarks by its name; none where they are generated."""
    rows = config.data.benchmarks.get(benchmark)
    return {benchmark: with_content(rows)} if rows else {}


def problems_recipe(config: Config, benchmark: str) -> ProblemsRecipe:
    """The prompts of one benchmark."""
    return ProblemsRecipe(data=take(BenchmarkSettings, config.data, benchmarks=_only(config, benchmark)))


def held_out(config: Config) -> dict[str, ProblemRows]:
    """The problem texts of each benchmark that training problems are compared with."""
    benchmarks, chosen = config.data.benchmarks, config.data.decontamination.benchmarks
    return {
        name: take(ProblemRows, rows, content=rows_content(rows))
        for name, rows in benchmarks.items()
        if chosen is None or name in chosen
    }
