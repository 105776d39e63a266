"""Write one figure of the experiment as a standalone SVG picture.

Example: python scripts/figure.py --figure accuracy --evaluations E1 E2 --out accuracy.svg
--recipe "$(python scripts/recipe.py figure)"
"""

from pathlib import Path

from scope import cli
from scope.artifacts.atomic import atomic
from scope.artifacts.recipe import read_recipe
from scope.report.figure_names import NAMES
from scope.report.figure_recipe import FigureRecipe


def main() -> None:
    """Parse, plot, write one picture."""
    parser = cli.parser("figure", __doc__)
    several = {"nargs": "*", "type": Path, "default": [], "metavar": "PARQUET"}
    parser.add_argument("--figure", required=True, choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--evaluations", **several, help="graded samples, for accuracy and pass_at_k")
    parser.add_argument("--metrics", **several, help="step metrics, one file per arm, seed and round, for all others")
    parser.add_argument("--out", required=True, type=Path, metavar="SVG", help="the picture")
    args = parser.parse_args()

    from scope.report.figures import plot

    picture = plot(args.figure, args.evaluations, args.metrics, read_recipe(args.recipe, FigureRecipe))
    with atomic(args.out) as temporary:
        temporary.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
