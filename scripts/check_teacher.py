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

    from scope.models.end_tokens import end_token_ids
    from scope.models.load import load_tokenizer, vocabulary_size
    from scope.models.quantized import quantization
    from scope.models.token_ids import token_ids
    from scope.score import teacher_checks as checks
    from scope.score.reference import own_pass

    settings = read_recipe(args.recipe, CheckTeacherRecipe)
    scoring, dtype = settings.teacher, settings.models.dtype
    student_folder, folder = open_folder(args.student), open_folder(args.teacher)
    student, teacher = load_tokenizer(student_folder), load_tokenizer(folder)
    details = {"token_map": checks.check_token_map(student, teacher)}
    ends = end_token_ids(student_folder, student), end_token_ids(folder, teacher)
    details["end_tokens"] = checks.check_end_tokens(student, teacher, ends)
    details["token_rows"] = checks.check_rows(student, vocabulary_size(student_folder), vocabulary_size(folder))
    prompts, method = checks.probe_prompts(parquet.read(args.prompts, PROMPTS)), quantization(folder)
    served = not isinstance(scoring, InProcess)
    own = None
    if isinstance(scoring, InProcess) or scoring.exact_kl or not method:
        attention = scoring.attention if isinstance(scoring, InProcess) else "auto"
        tokens, size = token_ids(student), scoring.pack_tokens
        own = own_pass(folder, prompts, tokens, dtype=dtype, pack_tokens=size, attention=attention)
    pairs = own.pairs if own else checks.echoes(prompts)
    name, other = _other_scores(settings, args.teacher, folder, pairs, with_vllm=not method)
    of = f"served as {scoring.model!r}" if served else f"{scoring.backend} backend: {args.teacher}"
    details["served_name"] = of
    details["loads"] = f"{scoring.backend} backend scored {len(pairs)} probes"
    details["finite"] = checks.check_finite(own.scores if own and not served else other)
    details |= checks.compare(None if served and method else own, other, name, dtype, served=served)
    passed = [{"check": check, "passed": True, "detail": detail} for check, detail in details.items()]
    inputs = [args.student, args.teacher, args.prompts]
    parquet.write(args.out, CHECKS, passed, recipe=args.recipe, inputs=inputs)


def _other_scores(
    settings: CheckTeacherRecipe, manifest: str, folder: Path, pairs: Sequence[Pair], *, with_vllm: bool
) -> tuple[str, list[list[float]]]:
    """The same probes another way: by the servers, else by vLLM where it samples, else one pair at a time.

    Not by vLLM where it may compute with quantized weights in another way than transformers does.
    """
    from scope.score.open import open_teacher

    dtype, scoring = settings.models.dtype, settings.teacher
    if not isinstance(scoring, InProcess):
        return scoring.backend, open_teacher(scoring, manifest, dtype=dtype, temperature=1.0).score(pairs)
    if with_vllm and settings.rollout.engine == "vllm":
        from scope.rollout.vllm import VllmEngine

        engine = VllmEngine(folder, dtype=dtype, max_model_len=max(map(len, pairs)) + 1)
        rows = engine.prompt_logprobs([[*pair.prompt, *pair.response] for pair in pairs])
        return "vllm", [row[len(pair.prompt) - 1 :] for row, pair in zip(rows, pairs, strict=True)]
    alone = scoring.model_copy(update={"pack_tokens": 1})
    return "unpacked", open_teacher(alone, manifest, dtype=dtype, temperature=1.0).score(pairs)


if __name__ == "__main__":
    cli.run(main)
