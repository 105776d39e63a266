"""Models with more logits than their tokenizer has tokens."""

import pytest
import torch

from model_folders import padded_folder
from scope.models.load import load_model
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine
from scope.score.in_process import InProcessTeacher
from trainers import make_trainer
from worlds import made_up_round, objective_of, table, weigh

pytestmark = pytest.mark.usefixtures("group_of_one")


@pytest.fixture(scope="module")
def padded(tmp_path_factory):
    """A student of 40 rows, and teachers of more and of fewer rows; all have 17 tokens."""
    root = tmp_path_factory.mktemp("padded")
    return {rows: padded_folder(root / str(rows), rows=rows) for rows in (40, 50, 20)}


def padded_batch(padded, objective, rows):
    """A round that the student sampled and a teacher of so many rows scored."""
    round_ = made_up_round({"a": "1100", "b": "0000"})
    prompts = dict(round_.prompts.select("prompt_id", "prompt_token_ids").iter_rows())
    keys = round_.rollouts.select("prompt_id", "sample_index").rows()
    engine = TransformersEngine(padded[40], dtype="float32", max_model_len=64)
    requests = [Request(prompts[prompt], seed) for seed, (prompt, _) in enumerate(keys)]
    samples = engine.sample(requests, Sampling(temperature=1.0, max_tokens=12))
    pairs = [Pair(asked.prompt_token_ids, one.token_ids) for asked, one in zip(requests, samples, strict=True)]
    scores = InProcessTeacher(padded[rows], dtype="float32", temperature=1.0, pack_tokens=64).score(pairs)
    changed = [
        {**row, "response_token_ids": one.token_ids, "logprobs": one.logprobs, "scorer_logprobs": score}
        for row, one, score in zip(round_.rollouts.iter_rows(named=True), samples, scores, strict=True)
    ]
    return weigh(round_.but(rollouts=table("rollouts", changed), scores=table("scores", changed)), objective)


def token_distributions(model, row, known=17):
    ids, first = [*row["prompt_token_ids"], *row["response_token_ids"]], len(row["prompt_token_ids"])
    return torch.log_softmax(model(torch.tensor([ids])).logits[0, first - 1 : -1, :known], -1)


@pytest.mark.parametrize("rows", [50, 20])
@pytest.mark.parametrize("kl", ["sampled", "full"])
def test_gap_and_loss_of_a_model_with_more_rows_than_tokens_are_those_of_the_tokens(padded, rows, kl):
    objective = objective_of("opd", kl=kl)
    batch = padded_batch(padded, objective, rows)
    student, teacher = load_model(padded[40], "float32"), load_model(padded[rows], "float32")
    expected, largest = 0.0, 0.0
    with torch.no_grad():
        for row in batch.iter_rows(named=True):
            logp_TV, teacher_TV = token_distributions(student, row), token_distributions(teacher, row)
            chosen = torch.tensor(row["response_token_ids"])[:, None]
            logp_T, teacher_T = logp_TV.gather(1, chosen)[:, 0], teacher_TV.gather(1, chosen)[:, 0]
            full_T = (logp_TV.exp() * (logp_TV - teacher_TV)).sum(-1)
            loss_T = full_T if kl == "full" else logp_T - teacher_T
            expected += row["weight"] / row["normaliser"] * loss_T.sum().item()
            largest = max(largest, logp_T.abs().max().item())
    trainer = make_trainer(student, objective, teacher if kl == "full" else None, micro_batch_tokens=64)
    trainer.tokens = TokenIds(17)
    (metrics,) = trainer.run_round(batch, 0)
    assert largest > 1, "the rows without a token would hold much"
    assert metrics["engine_gap_max"] < 1e-4
    assert metrics["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert metrics["entropy"] <= torch.log(torch.tensor(17.0)) + 1e-6


@pytest.mark.parametrize("rows", [20, 50])
def test_the_exact_kl_of_a_student_with_fewer_rows_than_ids_is_that_of_its_rows(padded, rows):
    """As Gemma 3 1B, whose tokenizer has an id for images: 262,145 ids, 262,144 rows."""
    objective = objective_of("opd", kl="full")
    batch = padded_batch(padded, objective, rows)
    student, teacher = load_model(padded[20], "float32"), load_model(padded[rows], "float32")
    expected = 0.0
    with torch.no_grad():
        for row in batch.iter_rows(named=True):
            logp_TV, teacher_TV = (token_distributions(model, row, known=20) for model in (student, teacher))
            kl = (logp_TV.exp() * (logp_TV - teacher_TV)).sum().item()
            expected += row["weight"] / row["normaliser"] * kl
    trainer = make_trainer(student, objective, teacher, micro_batch_tokens=64)
    trainer.tokens = TokenIds(21)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
