"""Write the report of an experiment: one HTML file that opens offline.

Example: python scripts/report.py --evaluations E1 E2 --metrics M1 M2 --batches B1 --rollouts R1 --verdicts V1
--prompts P --problems Q1 --issues I1 I2 --timings results/demo/timings --checks C --model M --teacher T
--out report.html --recipe "$(python scripts/recipe.py report)"
"""

from pathlib import Path

from scope import cli
from scope.artifacts.atomic import atomic


def main() -> None:
    """Parse, read, write one report."""
    parser = cli.parser("report", __doc__)
    several = {"nargs": "*", "type": Path, "default": [], "metavar": "PARQUET"}
    parser.add_argument("--evaluations", **several, help="graded samples of base, teacher and every arm")
    parser.add_argument("--metrics", **several, help="step metrics, one file per arm, seed and round")
    parser.add_argument("--batches", **several, help="batches; five rollouts of the first arm's last one are shown")
    parser.add_argument("--rollouts", **several, help="rollouts of that batch")
    parser.add_argument("--verdicts", **several, help="verdicts on them")
    parser.add_argument("--prompts", required=True, type=Path, metavar="PARQUET", help="training prompts")
    parser.add_argument("--problems", **several, help="problems of each benchmark")
    parser.add_argument("--issues", **several, help="issues found in the rows of training and benchmarks")
    parser.add_argument("--timings", type=Path, metavar="DIR", help="folder of job timings; may be missing or empty")
    parser.add_argument("--shared", nargs="*", default=[], metavar="NAME", help="folders of shared rollouts in use")
    parser.add_argument(
        "--model", required=True, type=Path, metavar="MANIFEST", help="the student: its tokenizer, and its size"
    )
    parser.add_argument("--teacher", required=True, type=Path, metavar="MANIFEST", help="the teacher: its size")
    parser.add_argument("--checks", required=True, type=Path, metavar="PARQUET", help="results of check_teacher")
    parser.add_argument("--absent", nargs="*", default=[], metavar="BENCHMARK", help="benchmarks that were skipped")
    parser.add_argument("--out", required=True, type=Path, metavar="HTML", help="the report")
    args = parser.parse_args()

    from scope.artifacts.recipe import read_recipe
    from scope.report.content import content
    from scope.report.load import Files, load
    from scope.report.recipe import ReportRecipe
    from scope.report.render import render

    files = Files(**{name: getattr(args, name) for name in Files._fields})
    html = render(**content(load(files, args.recipe), read_recipe(args.recipe, ReportRecipe)))
    with atomic(args.out) as temporary:
        temporary.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
