"""Make the tokenizer of the models that the workflow makes itself."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from scope import cli
from scope.artifacts.folder import empty_folder, write_manifest
from scope.artifacts.recipe import read_recipe
from scope.errors import InputError
from scope.prompts.tokenizer_recipe import TokenizerData, TokenizerRecipe

EXAMPLES = 1_000
"""Of these a `bpe` tokenizer sees as many, where problems are generated."""


def main() -> None:
    """Parse, make, save."""
    parser = cli.parser("tokenizer", __doc__)
    parser.add_argument("--rows", nargs="+", metavar="FILE", help="training rows that a `bpe` tokenizer is trained on")
    parser.add_argument("--out", required=True, help="manifest of the folder to write")
    args = parser.parse_args()

    from scope.models.tokenizers import bpe_tokenizer, character_tokenizer

    settings = read_recipe(args.recipe, TokenizerRecipe)
    kind = settings.models.tokenizer
    if kind.kind == "characters":
        tokenizer = character_tokenizer()
    else:
        tokenizer = bpe_tokenizer(texts(settings.data, args.rows), kind.vocab_size)
    folder: Path = empty_folder(args.out)
    tokenizer.save_pretrained(folder)
    write_manifest(args.out, recipe=args.recipe, inputs=args.rows or [])


def texts(data: TokenizerData, rows: list[str] | None) -> Iterator[str]:
    """What a `bpe` tokenizer is trained on: the problems of a file, or generated ones, in no prompt, with responses."""
    if rows and data.train:
        from scope.prompts.read import read_rows

        return (row["problem"] for row in read_rows(rows, data.train))
    if data.train:
        raise InputError("a `bpe` tokenizer is trained on the rows of data.train: give --rows", "missing-argument")
    from scope.worlds.examples import examples

    return (problem + response for problem, response in islice(examples(data, 0.0, 0), EXAMPLES))


if __name__ == "__main__":
    cli.run(main)
