"""Make a model of the embedded world, or check a model folder that exists, and write a manifest of its files."""

import sys

from scope import cli
from scope.artifacts.folder import empty_folder, open_folder, write_manifest
from scope.artifacts.recipe import named, read_recipe
from scope.errors import InputError
from scope.models.recipe import ModelRecipe


def main() -> None:
    """Parse, make or check, write the manifest."""
    parser = cli.parser("model", __doc__)
    parser.add_argument("--name", required=True, choices=["student", "teacher"])
    parser.add_argument("--tokenizer", metavar="MANIFEST", help="tokenizer of a model to make")
    parser.add_argument("--folder", metavar="FOLDER", help="model folder to use, in Hugging Face format")
    parser.add_argument("--out", required=True, help="manifest to write")
    args = parser.parse_args()

    from scope.models.load import check_model_folder, load_tokenizer
    from scope.models.random_init import make_model

    if args.folder:
        check_model_folder(args.folder)
        write_manifest(args.out, recipe=args.recipe, folder=args.folder)
        return
    settings = read_recipe(args.recipe, ModelRecipe)
    shape = named(settings.models, args.name, "models").random_init
    if shape is None or args.tokenizer is None:
        raise InputError(
            f"models.{args.name} names a folder: give it as --folder; a model to make needs --tokenizer",
            "missing-argument",
        )
    tokenizer = load_tokenizer(open_folder(args.tokenizer))
    model = make_model(shape, tokenizer)
    if shape.sft:
        from scope.models.sft import train_on_examples
        from scope.worlds.examples import examples

        source = examples(settings.data, shape.sft.canonical, shape.seed)
        loss = train_on_examples(model, tokenizer, shape.sft, source)
        print(f"model: the last step's loss is {loss:.4f} nats per token", file=sys.stderr)
    folder = empty_folder(args.out)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(args.out, recipe=args.recipe, inputs=[args.tokenizer])


if __name__ == "__main__":
    cli.run(main)
