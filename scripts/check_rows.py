"""Find what is wrong with the rows of a file of problems: answers that do not verify, duplicates, copies of benchmarks.

Two files are written. The stages `prompts` and `problems` read the issues as JSON, whose bytes depend on the issues
alone: an edit of the code that finds the same changes nothing. The Parquet file beside it has their provenance.
"""

import sys
from collections import Counter

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.atomic import atomic
from scope.artifacts.recipe import named, read_recipe
from scope.artifacts.schemas.found import FOUND
from scope.errors import InputError
from scope.prompts.check_recipe import CheckProblemsRecipe, CheckRowsRecipe


def main() -> None:
    """Parse, read, find, write."""
    parser = cli.parser("check_rows", __doc__)
    parser.add_argument("--split", required=True, help="`train`, or the name of a benchmark")
    parser.add_argument("--rows", nargs="+", required=True, metavar="FILE", help="problems")
    parser.add_argument("--held-out", nargs="+", action="append", default=[], metavar=("BENCHMARK", "FILE"),
                        help="a benchmark's name and its files: what training rows are compared with")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="JSON", help="the issues")
    parser.add_argument("--record", required=True, metavar="PARQUET", help="the issues, with their provenance")
    args = parser.parse_args()

    from scope.prompts.find import find
    from scope.prompts.issues import OF_BENCHMARKS, to_text, training_actions
    from scope.prompts.read import read_problems, read_rows

    held_out = {}
    if args.split == "train":
        settings = read_recipe(args.recipe, CheckRowsRecipe)
        spec, actions = settings.data.train, training_actions(settings.data.on_issue)
        ngram = settings.data.decontamination.ngram
        for name, *files in args.held_out:
            held_out[name] = read_problems(files, named(settings.held_out, name, "held_out"))
    else:
        benchmarks = read_recipe(args.recipe, CheckProblemsRecipe).data.benchmarks
        spec, actions, ngram = named(benchmarks, args.split, "data.benchmarks"), OF_BENCHMARKS, None
    if spec is None:
        raise InputError("--recipe: data.train is null; generated problems are not checked", "generated-problems")
    rows = read_rows(args.rows, spec)
    found = find(rows, domain=spec.domain, actions=actions, benchmarks=held_out, n=ngram)
    tally = dict(sorted(Counter(one.issue for one in found).items()))
    print(f"{args.split}: {len(rows)} rows; issues: {tally or 'none'}", file=sys.stderr)
    with atomic(args.out) as temporary:
        temporary.write_text(to_text(found), encoding="utf-8")
    inputs = [*args.rows, *(file for _, *files in args.held_out for file in files), args.out]
    listed = [one._asdict() for one in found]
    parquet.write(args.record, FOUND, listed, recipe=args.recipe, inputs=inputs, split=args.split)


if __name__ == "__main__":
    cli.run(main)
