"""Rows of a model that no token has: they are never sampled, and hold no probability in scores, updates and the KL."""

from collections import Counter

import pytest
import torch

from model_folders import padded_folder
from refusals import refused
from scope.method.losses import entropy, reverse_kl
from scope.models.load import load_model, load_tokenizer
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds, token_ids
from scope.rollout.engine import Request, Sampling
from scope.rollout.transformers import TransformersEngine
from scope.score.in_process import InProcessTeacher
from scope.score.teacher_checks import check_absent

PROMPT = [8, 9, 10]
TAILS = [(), (2, 5, 11)]
every_tail = pytest.mark.parametrize("holes", TAILS, ids=["a tail", "a tail and holes"])


@pytest.fixture
def folder(tmp_path, holes):
    return padded_folder(tmp_path / "model", holes=holes)


def known(holes):
    """The ids of the 17 tokens."""
    return [i for i in range(40) if i not in holes][:17]


def expected(folder, holes, response, temperature=1.0):
    """Log-probabilities of a response among the known ids, by a plain pass."""
    model, ids = load_model(folder, "float32"), torch.tensor([[*PROMPT, *response]])
    with torch.no_grad():
        logits = model(ids).logits[0, len(PROMPT) - 1 : -1, known(holes)] / temperature
    logp = torch.log_softmax(logits, -1)
    return [logp[place, known(holes).index(token)].item() for place, token in enumerate(response)]


@every_tail
def test_the_ids_of_a_tokenizer_are_found(folder, holes):
    tokens = token_ids(load_tokenizer(folder))
    assert tokens == TokenIds(max(known(holes)) + 1, holes)
    assert tokens.absent(40) == sorted(set(range(40)) - set(known(holes)))
    assert tokens.absent(tokens.size) == list(holes)


def test_logits_of_a_model_whose_rows_all_have_tokens_are_not_copied():
    logits = torch.randn(3, 17)
    assert TokenIds(17).of(logits).data_ptr() == logits.data_ptr()
    assert torch.equal(TokenIds(20).of(logits), logits)


@every_tail
@pytest.mark.parametrize("tempered", [False, True])
def test_only_tokens_are_sampled_from_the_renormalised_distribution(folder, holes, tempered):
    engine = TransformersEngine(folder, dtype="float32", max_model_len=64, tempered=tempered)
    samples = engine.sample([Request(PROMPT, seed) for seed in range(1000)], Sampling(temperature=0.7, max_tokens=3))
    assert {token for sample in samples for token in sample.token_ids} <= set(known(holes))
    for sample in samples[:8]:
        wanted = expected(folder, holes, sample.token_ids, 0.7 if tempered else 1.0)
        assert sample.logprobs == pytest.approx(wanted, abs=1e-4)
    first = Counter(sample.token_ids[0] for sample in samples)
    shares = {token: torch.tensor(expected(folder, holes, [token], 0.7)).exp().item() for token in known(holes)}
    chi2 = sum((first[token] - 1000 * p) ** 2 / (1000 * p) for token, p in shares.items())
    assert chi2 < 50, "16 degrees of freedom: beyond 50 has probability 2e-5"


@every_tail
@pytest.mark.parametrize("settings", [{"top_k": 30}, {"top_p": 0.9}, {"repetition_penalty": 1.3}])
def test_settings_of_evaluation_sample_only_tokens(folder, holes, settings):
    engine = TransformersEngine(folder, dtype="float32", max_model_len=64)
    samples = engine.sample(
        [Request(PROMPT, seed) for seed in range(200)], Sampling(temperature=1.0, max_tokens=4, **settings)
    )
    assert {token for sample in samples for token in sample.token_ids} <= set(known(holes))


@every_tail
def test_scores_are_among_the_tokens(folder, holes):
    response = known(holes)[3:9]
    teacher = InProcessTeacher(folder, dtype="float32", temperature=0.8, pack_tokens=64)
    assert teacher.score([Pair(PROMPT, response)])[0] == pytest.approx(expected(folder, holes, response, 0.8), abs=1e-4)


@every_tail
def test_losses_over_a_distribution_with_holes_are_those_without_them(folder, holes):
    tokens, logits = TokenIds(max(known(holes)) + 1, holes), torch.randn(2, 5, 40, dtype=torch.float64)
    whole = logits.clone().requires_grad_()
    student, teacher = torch.log_softmax(tokens.of(whole), -1)
    compact = logits[..., known(holes)].clone().requires_grad_()
    same_student, same_teacher = torch.log_softmax(compact, -1)
    assert torch.allclose(entropy(student), entropy(same_student))
    reverse_kl(student, teacher).sum().backward()
    reverse_kl(same_student, same_teacher).sum().backward()
    assert torch.allclose(whole.grad[..., known(holes)], compact.grad)
    assert not whole.grad[..., tokens.absent(40)].any()


def test_a_servers_score_is_bounded_by_what_it_gives_to_ids_without_a_token(tmp_path):
    folder = padded_folder(tmp_path / "model")
    model, pairs = load_model(folder, "float32"), [Pair(PROMPT, known(())[3:9])]
    of = lambda tokens: [s for _, s in score_pairs(model, pairs, temperature=1, budget=64, tokens=tokens)]  # noqa: E731
    among, over_all = of(TokenIds(17)), of(None)
    with refused("absent-tokens", "teacher.backend", "in_process"):
        check_absent(among, over_all, served=True)
    assert "are excluded" in check_absent(among, over_all, served=False)
    near = [[value - 1e-6 for value in row] for row in among]
    assert "1.0e-06 nats" in check_absent(among, near, served=True)
