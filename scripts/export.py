"""Write the evaluations of one policy under one sampling as lm-evaluation-harness logs them.

Example: python scripts/export.py --evaluations E1 E2 --samples S1 S2 --problems P1 P2 --model MANIFEST
--out-samples O1 O2 --out JSON --recipe "$(python scripts/recipe.py export)"
"""

from pathlib import Path
from typing import Any

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.atomic import atomic
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.samples import SAMPLES
from scope.errors import InputError
from scope.evaluate.export_recipe import ExportRecipe


def main() -> None:
    """Parse, read, write the samples of each benchmark, the results last."""
    parser = cli.parser("export", __doc__)
    several: dict[str, Any] = {"nargs": "+", "required": True, "type": Path, "metavar": "PARQUET"}
    parser.add_argument("--evaluations", **several, help="graded samples of one policy under one sampling")
    parser.add_argument("--samples", **several, help="the samples themselves, in the same order")
    parser.add_argument("--problems", **several, help="problems of each benchmark, named after it")
    parser.add_argument("--model", required=True, metavar="MANIFEST", help="model whose tokenizer made the prompts")
    parser.add_argument(
        "--out-samples", **{**several, "metavar": "JSONL"}, help="to be written, one for each of --problems"
    )
    parser.add_argument("--out", required=True, metavar="JSON", help="the results, to be written last")
    args = parser.parse_args()

    import json

    from scope.evaluate.lm_eval import results, sample_lines
    from scope.models.load import load_tokenizer

    settings = read_recipe(args.recipe, ExportRecipe).evaluation
    tokenizer = load_tokenizer(open_folder(args.model))
    evaluations = with_responses(args.evaluations, args.samples)
    same_number(args.problems, args.out_samples, "--problems and --out-samples")
    for file, samples in zip(args.problems, args.out_samples, strict=True):
        problems = parquet.read(file, PROMPTS)
        prompts = tokenizer.batch_decode(problems["prompt_token_ids"].to_list())
        graded = evaluations.filter(benchmark=file.stem)
        with atomic(samples) as temporary, open(temporary, "w", encoding="utf-8") as lines:
            lines.writelines(sample_lines(graded, problems, prompts, settings))
    model = parquet.metadata(args.evaluations[0])["policy"]
    with atomic(args.out) as temporary:
        temporary.write_text(json.dumps(results(evaluations, settings, model), indent=2) + "\n", encoding="utf-8")


def same_number(some: list[Path], others: list[Path], flags: str) -> None:
    """Raises InputError where two flags do not have as many files each."""
    if len(some) != len(others):
        raise InputError(f"{flags} have {len(some)} and {len(others)} files; give as many to each", "uneven-files")


def with_responses(evaluations: list[Path], samples: list[Path]):
    """Graded samples with their `response_text`. Raises InputError where samples are not those that were graded."""
    import polars as pl

    same_number(evaluations, samples, "--evaluations and --samples")
    frames = []
    for graded, sampled in zip(evaluations, samples, strict=True):
        rows, texts = parquet.read(graded, EVALUATION), parquet.read(sampled, SAMPLES)
        keys = list(SAMPLES.sort_keys)
        if not rows.select(keys).equals(texts.select(keys)):
            raise InputError(
                f"{sampled}: these are not the samples of {graded}; give both in the same order", "unmatched-rows"
            )
        frames.append(rows.join(texts.select(*keys, "response_text"), on=keys, how="left", maintain_order="left"))
    return pl.concat(frames).sort(list(EVALUATION.sort_keys))


if __name__ == "__main__":
    cli.run(main)
