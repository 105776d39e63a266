"""Make the tokenizer of the models that the workflow makes itself."""

from pathlib import Path

from scope import cli, folders
from scope.provenance import read_recipe


def main() -> None:
    """Parse, make, save."""
    parser = cli.parser("tokenizer", __doc__)
    parser.add_argument("--rows", nargs="+", metavar="FILE", help="training rows that a `bpe` tokenizer is trained on")
    parser.add_argument("--out", required=True, help="manifest of the folder to write")
    args = parser.parse_args()

    from scope.tokenizers import bpe_tokenizer, character_tokenizer

    settings = read_recipe(args.recipe)
    kind = settings.models.tokenizer
    if kind.kind == "characters":
        tokenizer = character_tokenizer()
    else:
        from scope.rows import read_rows

        rows = read_rows(args.rows, settings.data.train)
        tokenizer = bpe_tokenizer((row["problem"] for row in rows), kind.vocab_size)
    folder: Path = folders.fresh(args.out)
    tokenizer.save_pretrained(folder)
    folders.seal(args.out, recipe=args.recipe, inputs=args.rows or [])


if __name__ == "__main__":
    cli.run(main)
