"""Make the prompts of training or of one benchmark, from a generator or from a file of problems."""

import sys

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.faults import FAULTS
from scope.artifacts.schemas.prompts import PROMPTS


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

    settings = read_recipe(args.recipe)
    data, training = settings.data, args.split == "train"
    template = data.template
    if args.rows:
        spec = data.train if training else getattr(data.benchmarks, args.split)
        domain, template, where = spec.domain, spec.template or data.template, " ".join(args.rows)
        rows = read_rows(args.rows, spec)
    else:
        rows, domain, where = generated_rows(data, "train" if training else "test")
    write = writer(load_tokenizer(open_folder(args.model)), template, data.chat)
    fates = issues.training_fates(data) if training else issues.OF_BENCHMARKS
    held_out = {name: read_problems(files, getattr(settings.held_out, name)) for name, *files in args.held_out}
    found = issues.find(rows, domain=domain, fates=fates, benchmarks=held_out, n=data.ngram if training else None)
    prompts, listed = build_prompts(
        rows, write, domain=domain, max_tokens=data.max_prompt_tokens, found=found, fates=fates, where=where
    )
    tally = issues.counts(listed)
    print(f"{args.split}: {len(rows)} rows, {len(prompts)} prompts; faults: {tally or 'none'}", file=sys.stderr)
    files = [*(args.rows or []), *(file for _, *files in args.held_out for file in files)]
    notes = {"recipe": args.recipe, "inputs": [args.model, *files], "split": args.split, "read": len(rows)}
    parquet.write(args.out, PROMPTS, prompts, **notes, faults=tally)
    parquet.write(args.faults, FAULTS, listed, **notes)


if __name__ == "__main__":
    cli.run(main)
