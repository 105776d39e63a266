"""Tables 1 and 2 of the paper (arXiv 2604.10688 v2, main results) beside what an experiment measured.

Figures are percentages. P@32 is compared with best@32, the bootstrap of the authors' code: on the 30 problems of AIME
an unbiased pass@32 would be a multiple of 3.3, which the printed ones are not. Only evaluations with the settings of
Table 4 count as measured; other cells stay empty.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from scope.report.recipe import ReportEvaluation
from scope.report.style import DASH

N = 32
MAX_TOKENS = (32768, 28672)
"""Of Table 4, and what the context of Qwen3-1.7B-Base leaves for a response."""
SAMPLING = {"temperature": 0.6, "top_p": 0.95, "top_k": 20}
METHODS = ("base", "grpo", "kd", "opd", "scope")
MATH = ("aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench", "average")
CODE = ("humaneval", "codeforces", "livecodebench", "average")


class Block(NamedTuple):
    """One teacher and student of a table; `printed` has a line per method, with A@32 and P@32 of each benchmark."""

    table: int
    teacher: str
    student: str
    repetition_penalty: float
    benchmarks: tuple[str, ...]
    printed: str

    @property
    def title(self) -> str:
        """As the paper names the block."""
        return f"Table {self.table}: {self.student}, taught by {self.teacher}"

    def figures(self) -> dict[tuple[str, str], tuple[float, float]]:
        """(A@32, P@32) by (benchmark, method)."""
        rows = [list(map(float, line.split())) for line in self.printed.strip().splitlines()]
        return {
            (benchmark, method): (row[2 * i], row[2 * i + 1])
            for method, row in zip(METHODS, rows, strict=True)
            for i, benchmark in enumerate(self.benchmarks)
        }


BLOCKS = (
    Block(
        1,
        "Skywork-OR1-7B",
        "DeepSeek-R1-Distill-Qwen-1.5B",
        1.0,
        MATH,
        """
        29.4 76.5 23.9 46.9 72.7 94.7 84.6 97.3 32.3 55.9 44.2 67.5 47.9 73.1
        35.5 68.3 24.5 45.1 75.1 95.0 87.0 96.7 35.1 53.5 40.5 67.7 49.6 71.1
        26.6 71.4 22.2 45.6 69.1 96.3 84.1 97.4 30.7 54.1 39.7 66.9 45.4 72.0
        40.2 75.0 28.9 48.5 75.9 95.0 89.0 97.7 34.9 53.0 44.9 69.3 52.3 73.1
        42.7 77.9 30.4 50.9 80.9 97.2 89.8 97.9 37.8 55.1 49.7 70.9 55.2 75.0""",
    ),
    Block(
        1,
        "Qwen3-8B",
        "Qwen3-1.7B-Base",
        1.08,
        MATH,
        """
        3.7 26.7 3.2 20.7 24.6 69.4 54.8 88.6 11.2 41.6 16.3 48.0 19.0 49.2
        7.5 27.2 4.2 24.5 33.1 60.0 62.9 89.8 25.3 49.8 25.9 50.9 26.5 50.4
        4.6 18.9 5.8 24.8 29.8 66.1 50.2 86.2 16.6 43.2 13.3 41.4 20.1 46.8
        12.2 31.5 10.6 29.7 43.1 80.1 67.9 90.7 24.2 49.4 25.3 53.7 30.6 55.9
        13.3 31.5 12.1 35.6 46.3 83.0 70.9 93.0 27.9 54.0 24.6 54.6 32.5 58.6""",
    ),
    Block(
        2,
        "Skywork-OR1-7B",
        "DeepSeek-R1-Distill-Qwen-1.5B",
        1.0,
        CODE,
        """
        57.8 74.1 20.3 39.4 21.2 35.2 33.1 49.6
        61.5 75.2 32.4 45.3 34.5 45.7 42.8 55.4
        49.5 73.2 12.9 22.9 17.1 25.1 26.5 40.4
        64.3 78.2 33.3 52.3 30.2 47.0 42.6 59.2
        67.2 80.2 34.4 53.7 32.3 47.0 44.6 60.3""",
    ),
)


def paper_tables(accuracy: pl.DataFrame | None, student: str, evaluation: ReportEvaluation) -> list[dict[str, Any]]:
    """The blocks that an experiment with this student (a folder's name) and these benchmarks compares with.

    `accuracy` is that of report/accuracy.py.
    """
    if accuracy is None:
        return []
    graded = set(accuracy["benchmark"])
    fitting = [block for block in BLOCKS if block.student == student and graded & set(block.benchmarks)]
    return [table(block, measured(accuracy, evaluation, block)) for block in fitting]


def measured(
    accuracy: pl.DataFrame, evaluation: ReportEvaluation, block: Block
) -> dict[tuple[str, str], tuple[float, float]]:
    """(avg@32, best@32) in percent by (benchmark, policy), of last policies under the sampling of Table 4."""
    wanted = {**SAMPLING, "repetition_penalty": block.repetition_penalty}
    names = [name for name, sampling in evaluation.sampling.items() if sampling.model_dump() == wanted]
    if evaluation.n != N or evaluation.max_tokens not in MAX_TOKENS or not names:
        return {}
    rows = accuracy.filter("pooled", "final", pl.col("sampling") == names[0])
    found = {
        metric: {(row["benchmark"], row["policy"]): 100 * row["value"] for row in part.to_dicts()}
        for (metric,), part in rows.partition_by("metric", as_dict=True).items()
    }
    return {key: (value, found[f"best@{N}"][key]) for key, value in found.get(f"avg@{N}", {}).items()}


def table(block: Block, ours: dict[tuple[str, str], tuple[float, float]]) -> dict[str, Any]:
    """One block as text: a row per benchmark, for each method the paper's figures and ours, A@32 / P@32."""
    figures, ours = block.figures(), {**ours, **dict(_averages(block, ours))}
    rows = [
        [
            benchmark,
            *(
                text
                for method in METHODS
                for text in (_pair(figures[benchmark, method]), _pair(ours.get((benchmark, method))))
            ),
        ]
        for benchmark in block.benchmarks
    ]
    return {"title": block.title, "methods": METHODS, "rows": rows}


def _averages(block: Block, ours: dict) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
    """Means over a block's benchmarks of each method that was graded on all of them."""
    names = block.benchmarks[:-1]
    for method in METHODS:
        pairs = [ours[name, method] for name in names if (name, method) in ours]
        if len(pairs) == len(names):
            average, best = (sum(figures) / len(pairs) for figures in zip(*pairs, strict=True))
            yield ("average", method), (average, best)


def _pair(figures: tuple[float, float] | None) -> str:
    return DASH if figures is None else f"{figures[0]:.1f} / {figures[1]:.1f}"
