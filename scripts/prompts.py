"""Make the prompts of training or of one benchmark, from a generator or from a file of problems."""

import sys

from scope import artifacts, cli, folders
from scope.provenance import read_recipe


def main() -> None:
    """Parse, read, tokenise, write."""
    parser = cli.parser("prompts", __doc__)
    parser.add_argument("--split", required=True, help="`train`, or the name of a benchmark")
    parser.add_argument("--rows", metavar="FILE", help="problems; absent for a generated world")
    parser.add_argument("--model", required=True, metavar="MANIFEST", help="model whose tokenizer is used")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.models import load_tokenizer
    from scope.prompts import build_prompts, function_rows, puzzle_rows
    from scope.rows import read_rows

    data = read_recipe(args.recipe).data
    tokenizer = load_tokenizer(folders.open_folder(args.model))
    if args.rows:
        spec = data.train if args.split == "train" else getattr(data.benchmarks, args.split)
        rows, domain = read_rows(args.rows, spec), spec.domain
    else:
        split = "train" if args.split == "train" else "test"
        generated = (puzzle_rows, data.puzzle, "puzzle") if data.puzzle else (function_rows, data.functions, "code")
        make, settings, domain = generated
        rows = make(settings, split)
    prompts, dropped = build_prompts(
        rows, tokenizer, domain=domain, template=data.template, max_tokens=data.max_prompt_tokens,
        overlong=data.overlong if args.split == "train" else "error")  # fmt: skip
    print(f"prompts: {len(prompts)} kept, dropped {dropped}", file=sys.stderr)
    inputs = [args.model, *([args.rows] if args.rows else [])]
    artifacts.write(args.out, "prompts", prompts, recipe=args.recipe, inputs=inputs, split=args.split, dropped=dropped)


if __name__ == "__main__":
    cli.run(main)
