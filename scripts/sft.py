"""Make a model by supervised fine-tuning on worked solutions: of a model folder, or of a randomly initialised model."""

import sys
from itertools import islice
from pathlib import Path

from scope import cli
from scope.artifacts.folder import write_manifest
from scope.artifacts.recipe import named, read_recipe
from scope.prompts.sft_recipe import SftRecipe


def main() -> None:
    """Parse, open or make, fine-tune, save."""
    parser = cli.parser("sft", __doc__)
    parser.add_argument("--name", required=True, choices=["student", "teacher"])
    parser.add_argument("--tokenizer", metavar="MANIFEST", help="tokenizer of a model to make")
    parser.add_argument("--folder", metavar="FOLDER", help="model folder to start from, in Hugging Face format")
    parser.add_argument("--rows", nargs="+", default=[], metavar="FILE", help="worked solutions; absent if generated")
    parser.add_argument("--out", required=True, help="manifest to write")
    args = parser.parse_args()

    from scope.models.check_folder import check_model_folder
    from scope.models.end_tokens import end_token_id
    from scope.models.files import checked_digests
    from scope.models.generation import copy_generation_config
    from scope.models.origin import open_or_make, save
    from scope.models.sft import distinct, fine_tune, mean_nll, rounding_note
    from scope.prompts.solutions import solution_pairs

    settings = read_recipe(args.recipe, SftRecipe)
    asked = named(settings.models, args.name, "models")
    if args.folder:
        check_model_folder(args.folder, trains=True)
        checked_digests(args.folder, asked.content)
    origin = open_or_make(args.name, asked, args.tokenizer, args.folder)
    end = end_token_id(args.folder, origin.tokenizer)
    pairs = solution_pairs(origin.tokenizer, end, settings.data, asked.sft, args.rows)
    fine_tune(origin.model, asked.sft, pairs)
    examples = distinct(islice(pairs, asked.sft.batch))
    trained = mean_nll(origin.model, examples)
    save(origin, args.out)
    print(rounding_note(trained, mean_nll(origin.model, examples), origin.dtype, len(examples)), file=sys.stderr)
    if args.folder:
        copy_generation_config(Path(args.folder), Path(args.out).parent)
    write_manifest(args.out, recipe=args.recipe, inputs=[*filter(None, [args.tokenizer]), *args.rows])


if __name__ == "__main__":
    cli.run(main)
