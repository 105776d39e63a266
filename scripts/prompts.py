"""Make the prompts of training or of one benchmark, from a generator or from a file of problems."""

import sys

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import named, read_recipe
from scope.artifacts.schemas.faults import FAULTS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.prompts.recipe import ProblemsRecipe, PromptsRecipe
from scope.prompts.rows import RowsSettings


def main() -> None:
    """Parse, read, look for faults, tokenise, write."""
    parser = cli.parser("prompts", __doc__)
    parser.add_argument("--split", required=True, help="`train`, or the name of a benchmark")
    parser.add_argument("--rows", nargs="+", metavar="FILE", help="problems; absent for a generated world")
    parser.add_argument("--held-out", nargs="+", action="append", default=[], metavar=("BENCHMARK", "FILE"),
                        help="a benchmark's name and its files: what training rows are compared with")  # fmt: skip
    parser.add_argument("--model", required=True, metavar="MANIFEST", help="model whose tokenizer is used")
    parser.add_argument("--faults", required=True, metavar="PARQUET", help="what is wrong with rows, and their fate")
    parser.add_argument("--out", required=True, metavar="PARQUET", help="the prompts")
    args = parser.parse_args()

    from scope.models.load import load_tokenizer
    from scope.prompts import issues
    from scope.prompts.build import build_prompts
    from scope.prompts.chat_template import writer
    from scope.prompts.generated import generated_rows
    from scope.prompts.read import read_problems, read_rows

    settings = read_settings(args.recipe, args.split)
    data, template, held_out = settings.data, settings.data.template, {}
    spec = rows_settings(settings, args.split)
    if args.rows and spec:
        domain, template, where = spec.domain, spec.template or template, " ".join(args.rows)
        rows = read_rows(args.rows, spec)
    else:
        rows, domain, where = generated_rows(data, "train" if args.split == "train" else "test")
    write = writer(load_tokenizer(open_folder(args.model)), template, data.chat)
    if isinstance(settings, PromptsRecipe):
        fates, ngram = issues.training_fates(settings.data), settings.data.ngram
        for name, *files in args.held_out:
            held_out[name] = read_problems(files, named(settings.held_out, name, "held_out"))
    else:
        fates, ngram = issues.OF_BENCHMARKS, None
    found = issues.find(rows, domain=domain, fates=fates, benchmarks=held_out, n=ngram)
    prompts, listed = build_prompts(
        rows, write, domain=domain, max_tokens=data.max_prompt_tokens, found=found, fates=fates, where=where
    )
    tally = issues.counts(listed)
    print(f"{args.split}: {len(rows)} rows, {len(prompts)} prompts; faults: {tally or 'none'}", file=sys.stderr)
    files = [*(args.rows or []), *(file for _, *files in args.held_out for file in files)]
    notes = {"recipe": args.recipe, "inputs": [args.model, *files], "split": args.split, "read": len(rows)}
    parquet.write(args.out, PROMPTS, prompts, **notes, faults=tally)
    parquet.write(args.faults, FAULTS, listed, **notes)


def read_settings(recipe: str, split: str) -> PromptsRecipe | ProblemsRecipe:
    """The settings of training, or of a benchmark."""
    return read_recipe(recipe, PromptsRecipe if split == "train" else ProblemsRecipe)


def rows_settings(settings: PromptsRecipe | ProblemsRecipe, split: str) -> RowsSettings | None:
    """How the problems of a file are read; None where they are generated. Raises InputError for another benchmark."""
    if isinstance(settings, PromptsRecipe):
        return settings.data.train
    benchmarks = settings.data.benchmarks
    return named(benchmarks, split, "data.benchmarks") if benchmarks else None


if __name__ == "__main__":
    cli.run(main)
