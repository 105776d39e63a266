"""Make a randomly initialised model, or check a model folder that exists, and write a manifest of its files."""

from scope import cli
from scope.artifacts.folder import write_manifest, write_manifest_elsewhere
from scope.artifacts.recipe import named, read_recipe
from scope.models.recipe import ModelRecipe


def main() -> None:
    """Parse, make or check, write the manifest."""
    parser = cli.parser("model", __doc__)
    parser.add_argument("--name", required=True, choices=["student", "teacher"])
    parser.add_argument("--tokenizer", metavar="MANIFEST", help="tokenizer of a model to make")
    parser.add_argument("--folder", metavar="FOLDER", help="model folder to use, in Hugging Face format")
    parser.add_argument("--out", required=True, help="manifest to write")
    args = parser.parse_args()

    from scope.models.check_folder import check_model_folder
    from scope.models.files import checked_digests
    from scope.models.origin import open_or_make, save

    settings = named(read_recipe(args.recipe, ModelRecipe).models, args.name, "models")
    if args.folder:
        check_model_folder(args.folder, trains=args.name == "student")
        digests = checked_digests(args.folder, settings.content)
        write_manifest_elsewhere(args.out, args.folder, digests, recipe=args.recipe)
        return
    save(open_or_make(args.name, settings, args.tokenizer, None), args.out)
    write_manifest(args.out, recipe=args.recipe, inputs=[args.tokenizer])


if __name__ == "__main__":
    cli.run(main)
