"""Check the teacher before training: it loads, shares the student's tokens, scores finitely, and backends agree."""

from collections.abc import Sequence
from pathlib import Path

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.models.pair import Pair
from scope.score.check_recipe import CheckTeacherRecipe
from scope.score.settings import InProcess


def main() -> None:
    """Parse, check, write one row per check; the first failed check stops with its message."""
    parser = cli.parser("check_teacher", __doc__)
    parser.add_argument("--student", required=True, metavar="MANIFEST")
    parser.add_argument("--teacher", required=True, metavar="MANIFEST")
    parser.add_argument("--prompts", required=True, metavar="PARQUET")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.models.load import load_tokenizer
    from scope.score import teacher_checks as checks
    from scope.score.open import open_teacher

    settings = read_recipe(args.recipe, CheckTeacherRecipe)
    scoring, dtype = settings.teacher, settings.models.dtype
    folder = open_folder(args.teacher)
    student = load_tokenizer(open_folder(args.student))
    details = {"token_map": checks.check_token_map(student, load_tokenizer(folder))}
    teacher = open_teacher(scoring, args.teacher, dtype=dtype, temperature=1.0)
    pairs = checks.probe_pairs(parquet.read(args.prompts, PROMPTS), len(student))
    scores = teacher.score(pairs)
    of = (
        f"{scoring.backend} backend: {args.teacher}"
        if isinstance(scoring, InProcess)
        else f"served as {scoring.model!r}"
    )
    details["served_name"] = of
    details["loads"] = f"{scoring.backend} backend scored {len(pairs)} probes"
    details["finite"] = checks.check_finite(scores)
    name, reference = _reference_scores(settings, folder, pairs)
    details["agreement"] = checks.check_agreement(scores, reference, dtype, (scoring.backend, name))
    rows = [{"check": check, "passed": True, "detail": detail} for check, detail in details.items()]
    inputs = [args.student, args.teacher, args.prompts]
    parquet.write(args.out, CHECKS, rows, recipe=args.recipe, inputs=inputs)


def _reference_scores(
    settings: CheckTeacherRecipe, folder: Path, pairs: Sequence[Pair]
) -> tuple[str, list[list[float]]]:
    """The same probes through another backend: in the job for servers, else vLLM, else one pair at a time."""
    from scope.score.in_process import InProcessTeacher

    dtype, scoring = settings.models.dtype, settings.teacher
    if isinstance(scoring, InProcess) and settings.rollout.engine == "vllm":
        from scope.rollout.vllm import VllmEngine

        engine = VllmEngine(folder, dtype=dtype, max_model_len=max(map(len, pairs)) + 1)
        rows = engine.prompt_logprobs([[*pair.prompt, *pair.response] for pair in pairs])
        return "vllm", [row[len(pair.prompt) - 1 :] for row, pair in zip(rows, pairs, strict=True)]
    pack_tokens = 1 if isinstance(scoring, InProcess) else scoring.pack_tokens
    in_process = InProcessTeacher(folder, dtype=dtype, temperature=1.0, pack_tokens=pack_tokens)
    return "in_process" if pack_tokens > 1 else "unpacked", in_process.score(pairs)


if __name__ == "__main__":
    cli.run(main)
