"""Make the prompts of training or of one benchmark, from a generator or from a file of problems."""

import sys

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import named, read_recipe
from scope.artifacts.schemas.issues import ISSUES
from scope.artifacts.schemas.prompts import PROMPTS
from scope.prompts.recipe import ProblemsRecipe, PromptsRecipe, TrainingSettings
from scope.prompts.rows import RowsSettings


def main() -> None:
    """Parse, read, tokenize, write."""
    parser = cli.parser("prompts", __doc__)
    parser.add_argument("--split", required=True, help="`train`, or the name of a benchmark")
    parser.add_argument("--rows", nargs="+", metavar="FILE", help="problems; absent for a generated world")
    parser.add_argument(
        "--found", metavar="JSON", help="their issues, from check_rows.py; absent for a generated world"
    )
    parser.add_argument("--at-least", type=int, default=0, metavar="N", help="prompts that a round of training takes")
    parser.add_argument("--model", required=True, metavar="MANIFEST", help="model whose tokenizer is used")
    parser.add_argument("--issues", required=True, metavar="PARQUET", help="issues of rows, and what was done")
    parser.add_argument("--out", required=True, metavar="PARQUET", help="the prompts")
    args = parser.parse_args()

    from scope.models.load import load_tokenizer, vocabulary_size
    from scope.prompts import issues
    from scope.prompts.build import build_prompts, check_ids
    from scope.prompts.chat_template import missing_bos, writer
    from scope.prompts.enough import check_enough
    from scope.prompts.generated import generated_rows
    from scope.prompts.read import read_rows
    from scope.prompts.round_trip import check_round_trip

    settings = read_settings(args.recipe, args.split)
    data, template, found = settings.data, settings.data.template, []
    spec = rows_settings(settings, args.split)
    if args.rows and spec:
        domain, template, where = spec.domain, spec.template or template, " ".join(args.rows)
        rows, found = read_rows(args.rows, spec), issues.read_found(args.found)
    else:
        rows, domain, where = generated_rows(data, "train" if args.split == "train" else "test")
    model = open_folder(args.model)
    tokenizer = load_tokenizer(model)
    check_round_trip(tokenizer, rows, where)
    prompts, listed = build_prompts(
        rows,
        writer(tokenizer, template, data.chat),
        domain=domain,
        max_tokens=data.max_prompt_tokens,
        found=found,
        actions=issues.training_actions(data.on_issue) if isinstance(data, TrainingSettings) else issues.OF_BENCHMARKS,
        where=where,
    )
    check_ids(prompts, vocabulary_size(model), where)
    tally = issues.counts(listed)
    left = f"{len(prompts)} prompts are left of {len(rows)} rows (issues: {tally or 'none'})"
    check_enough(len(prompts), args.at_least, where, left)
    print(f"{args.split}: {len(rows)} rows, {len(prompts)} prompts; issues: {tally or 'none'}", file=sys.stderr)
    files = [*(args.rows or []), *filter(None, [args.found])]
    notes = {"recipe": args.recipe, "inputs": [args.model, *files], "split": args.split, "read": len(rows)}
    bos = missing_bos(tokenizer, prompts[0]["prompt_token_ids"])
    parquet.write(args.out, PROMPTS, prompts, **notes, issues=tally, missing_bos=bos)
    parquet.write(args.issues, ISSUES, listed, **notes)


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
