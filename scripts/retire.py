"""Delete what the retention policy does not keep of a finished round, and write down what is gone."""

import json

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.atomic import atomic
from scope.artifacts.place import round_of
from scope.artifacts.recipe import make_provenance, read_recipe
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.planning import retention
from scope.planning.retire_recipe import RetireRecipe


def main() -> None:
    """Parse, delete, write the record last."""
    parser = cli.parser("retire", __doc__)
    parser.add_argument("--round", required=True, type=int, help="the finished round, from 1")
    parser.add_argument("--batch", required=True, metavar="PARQUET", help="its batch, which is kept, in the folder "
                        "of the files to delete")  # fmt: skip
    parser.add_argument("--evaluations", nargs="*", default=[], metavar="PARQUET",
                        help="of this and earlier rounds, for retention.keep_best")  # fmt: skip
    parser.add_argument("--started-from", nargs="*", type=int, default=[], metavar="ROUND",
                        help="rounds whose policies stay, since other arms start from them")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="JSON", help="record of the deleted files")
    args = parser.parse_args()

    keep = read_recipe(args.recipe, RetireRecipe).retention
    place = round_of(args.batch)
    dropped = []
    accuracy = accuracies(args.evaluations) if keep.keep_best else {}
    for round_ in retention.policies_to_drop(keep, args.round, accuracy, args.started_from):
        dropped += retention.drop(place.other(round_).policy)
    if not retention.keeps(keep.keep_states_every, args.round):
        dropped += retention.drop(place.state)
    if keep.keep_rollouts == "last":
        made_from = parquet.metadata(args.batch)["inputs"]
        dropped += retention.drop_files(path for path in made_from if path.startswith(f"{place.folder}/"))
    record = {**make_provenance(args.recipe, [args.batch, *args.evaluations]), "dropped": sorted(dropped)}
    with atomic(args.out) as temporary:
        temporary.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def accuracies(evaluations: list[str]) -> dict[int, float]:
    """Mean accuracy over all samples of each evaluated round."""
    columns = [*EVALUATION.sort_keys, "correct"]
    samples: dict[int, list[bool]] = {}
    for path in evaluations:
        graded = parquet.read(path, EVALUATION, columns)["correct"]
        samples.setdefault(parquet.metadata(path)["round"], []).extend(graded)
    return {round_: sum(correct) / len(correct) for round_, correct in samples.items()}


if __name__ == "__main__":
    cli.run(main)
