"""Write the accuracy of one policy on all benchmarks as a Markdown table.

Example: python scripts/summary.py --evaluations E1 E2 --out summary.md --recipe "$(python scripts/recipe.py summary)"
"""

from pathlib import Path

from scope import cli
from scope.artifacts.atomic import atomic
from scope.artifacts.recipe import read_recipe
from scope.report.summary_recipe import SummaryRecipe


def main() -> None:
    """Parse, read, write one table."""
    parser = cli.parser("summary", __doc__)
    parser.add_argument(
        "--evaluations", nargs="+", required=True, type=Path, metavar="PARQUET", help="graded samples of one policy"
    )
    parser.add_argument("--absent", nargs="*", default=[], metavar="BENCHMARK", help="benchmarks that were skipped")
    parser.add_argument("--out", required=True, type=Path, metavar="MARKDOWN")
    args = parser.parse_args()

    from scope.report.summary import summary

    settings = read_recipe(args.recipe, SummaryRecipe)
    samplings = list(settings.evaluation.sampling)
    text = summary(args.evaluations, samplings, settings.report.bootstrap, args.absent)
    with atomic(args.out) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
