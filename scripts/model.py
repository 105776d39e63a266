"""Make a model of the embedded world, or take up a model folder that exists, and seal it with a manifest."""

import sys

from scope import cli
from scope.artifacts.folder import empty_folder, open_folder, write_manifest
from scope.artifacts.recipe import read_recipe


def main() -> None:
    """Parse, make or check, seal."""
    parser = cli.parser("model", __doc__)
    parser.add_argument("--name", required=True, choices=["student", "teacher"])
    parser.add_argument("--tokenizer", metavar="MANIFEST", help="tokenizer of a model to make")
    parser.add_argument("--folder", metavar="FOLDER", help="model folder to take up, in Hugging Face format")
    parser.add_argument("--out", required=True, help="manifest to write")
    args = parser.parse_args()

    from scope.models.load import check_model_folder, load_tokenizer, make_model

    if args.folder:
        check_model_folder(args.folder)
        write_manifest(args.out, recipe=args.recipe, folder=args.folder)
        return
    settings = read_recipe(args.recipe)
    shape = getattr(settings.models, args.name).make
    tokenizer = load_tokenizer(open_folder(args.tokenizer))
    model = make_model(shape, tokenizer)
    if shape.sft:
        from scope.models.sft import examples, train_on_examples

        source = examples(settings.data, shape.sft.canonical, shape.seed)
        loss = train_on_examples(model, tokenizer, shape.sft, source)
        print(f"model: the last step's loss is {loss:.4f} nats per token", file=sys.stderr)
    folder = empty_folder(args.out)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(args.out, recipe=args.recipe, inputs=[args.tokenizer])


if __name__ == "__main__":
    cli.run(main)
