"""Evaluations as lm-evaluation-harness logs them, so that its users and tools can audit them.

A sample log is one JSON line per problem, in a file samples_{task}_{label}.jsonl beside results_{label}.json; the
fields are those of version 0.4 of the harness (`lm_eval/evaluator.py`, `loggers/evaluation_tracker.py`). Where it
writes the time of the run, the label here is the name of the sampling: equal evaluations give equal files.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from scope.evaluate.export_recipe import ExportSettings
from scope.evaluate.metrics import avg_at_k

FILTER = "extracted"


def sample_lines(
    graded: pl.DataFrame, problems: pl.DataFrame, prompts: list[str], settings: ExportSettings
) -> Iterator[str]:
    """One line of JSON per problem of one benchmark under one sampling.

    `graded` is an evaluation with the `response_text` of each sample, `problems` the prompts, `prompts` their texts in
    the same order. resps and filtered_resps hold all samples of a problem.
    """
    samples = graded.sort("sample_index").partition_by("prompt_id", as_dict=True)
    for index, (problem, prompt) in enumerate(zip(problems.iter_rows(named=True), prompts, strict=True)):
        line = _sample(index, problem, prompt, samples[(problem["prompt_id"],)], settings)
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _sample(
    index: int, problem: dict[str, Any], prompt: str, graded: pl.DataFrame, settings: ExportSettings
) -> dict[str, Any]:
    doc = {key: problem[key] for key in ("prompt_id", "problem", "answer", "source", "domain")}
    target = problem["answer"]
    return {
        "doc_id": index,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": _generation(graded["sampling"][0], settings)}},
        "resps": [graded["response_text"].to_list()],
        "filtered_resps": [graded["extracted"].to_list()],
        "filter": FILTER,
        "metrics": [_metric(settings)],
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(target),
        _metric(settings): graded["correct"].mean(),
        "correct": graded["correct"].to_list(),
        "reason": graded["reason"].to_list(),
        "finish_reason": graded["finish_reason"].to_list(),
        "tokens": graded["tokens"].to_list(),
    }


def results(evaluation: pl.DataFrame, settings: ExportSettings, model: str) -> dict[str, Any]:
    """The aggregates of one policy under one sampling, all benchmarks: means, and standard errors over problems."""
    tasks = {rows["benchmark"][0]: rows for rows in evaluation.partition_by("benchmark")}
    sampling, metric = evaluation["sampling"][0], _metric(settings)
    problems = {task: rows["prompt_id"].n_unique() for task, rows in tasks.items()}
    return {
        "results": {task: _aggregate(task, rows, metric) for task, rows in tasks.items()},
        "configs": {
            task: {"task": task, "output_type": "generate_until", "repeats": settings.n,
                   "generation_kwargs": _generation(sampling, settings)}
            for task in tasks
        },
        "versions": dict.fromkeys(tasks, 0),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {task: {metric: True} for task in tasks},
        "n-samples": {task: {"original": count, "effective": count} for task, count in problems.items()},
        "model_name": model,
        "model_source": settings.engine,
    }  # fmt: skip


def _aggregate(task: str, rows: pl.DataFrame, metric: str) -> dict[str, Any]:
    shares = rows["correct"].to_numpy().reshape(rows["prompt_id"].n_unique(), -1)
    means = shares.mean(axis=1)
    error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else "N/A"
    return {"alias": task, f"{metric},{FILTER}": avg_at_k(shares), f"{metric}_stderr,{FILTER}": error}


def _metric(settings) -> str:
    return f"avg@{settings.n}"


def _generation(sampling: str, settings: ExportSettings) -> dict[str, Any]:
    return {"do_sample": True, "max_gen_toks": settings.max_tokens, **settings.sampling[sampling].model_dump()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
