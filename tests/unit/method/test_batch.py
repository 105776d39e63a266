"""What `weigh` decides: the table of methods row by row, normalisers over the whole step, and refusals."""

import math

import polars as pl
import pytest

from conftest import RECIPE
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.schemas.batch import BATCH
from scope.method.batch import KEY
from scope.method.table import method_of
from worlds import made_up_round, objective_of, table, weigh

GROUPS = {"a": "1100", "b": "0000", "c": "1111"}
METHODS = [("scope", "paper"), ("scope", "released"), ("opd", "paper"), ("grpo", "paper"), ("kd", "paper")]
ON_POLICY = METHODS[:-1]


@pytest.fixture
def round_():
    return made_up_round(GROUPS)


def row(batch, prompt, sample=0):
    return batch.row(by_predicate=(pl.col("prompt_id") == prompt) & (pl.col("sample_index") == sample), named=True)


def without(table, prompt, sample):
    return table.filter(~((pl.col("prompt_id") == prompt) & (pl.col("sample_index") == sample)))


def changed(table, prompt, sample, column, change):
    """The table with one row's list put through `change`."""
    here = ((table["prompt_id"] == prompt) & (table["sample_index"] == sample)).to_list()
    values = [change(value) if it else value for value, it in zip(table[column].to_list(), here, strict=True)]
    return table.with_columns(pl.Series(column, values, dtype=table.schema[column]))


def softmax(values):
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def means(table, column, prompt, samples):
    return [sum(v) / len(v) for v in table.filter(pl.col("prompt_id") == prompt)[column].gather(samples)]


# The table of methods.


@pytest.mark.parametrize(
    ("method", "mode", "of_correct", "of_incorrect"),
    [
        ("scope", "paper", "mle", "opd"),
        ("scope", "released", "nll", "opd"),
        ("opd", "paper", "opd", "opd"),
        ("grpo", "paper", "pg", "pg"),
        ("kd", "paper", "nll", "nll"),
    ],
)
def test_each_method_gives_each_path_its_token_loss(round_, method, mode, of_correct, of_incorrect):
    batch = weigh(round_, objective_of(method, mode))
    assert len(batch) == len(round_.rollouts)
    for prompt, marks in GROUPS.items():
        for sample, mark in enumerate(marks):
            made = row(batch, prompt, sample)
            path, loss = ("correct", of_correct) if mark == "1" else ("incorrect", of_incorrect)
            assert (made["path"], made["loss"], made["correct"]) == (path, loss, mark == "1")


def test_scope_weighs_by_the_mean_log_probabilities_of_student_and_teacher(round_):
    """(4) softmax(log PPL_S / tau) over correct, (5) softmax(-log PPL_T / tau) over incorrect rollouts."""
    batch = weigh(round_, objective_of(tau=0.5))
    student = softmax([-mean / 0.5 for mean in means(round_.rollouts, "logprobs", "a", [0, 1])])
    teacher = softmax([mean / 0.5 for mean in means(round_.scores, "scorer_logprobs", "a", [2, 3])])
    assert [row(batch, "a", i)["weight"] for i in range(4)] == pytest.approx([*student, *teacher], rel=1e-5)


def test_released_mode_turns_the_student_path_round_and_scales_to_mean_1(round_):
    batch = weigh(round_, objective_of(mode="released"))
    student = softmax(means(round_.rollouts, "logprobs", "a", [0, 1]))
    teacher = softmax(means(round_.scores, "scorer_logprobs", "a", [2, 3]))
    expected = [2 * weight for weight in (*student, *teacher)]
    assert [row(batch, "a", i)["weight"] for i in range(4)] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", ["opd", "grpo", "kd"])
def test_the_baselines_weigh_every_rollout_alike(round_, method):
    assert weigh(round_, objective_of(method))["weight"].to_list() == [1 / 4] * 12


def test_an_ablation_is_a_knob_of_the_objective(round_):
    uniform = weigh(round_, objective_of(student_weight="uniform", teacher_weight="uniform"))
    assert [row(uniform, prompt)["weight"] for prompt in "abc"] == [1 / 2, 1 / 4, 1 / 4]
    mean = weigh(round_, objective_of(student_weight="uniform", teacher_weight="uniform", scale="mean"))
    assert mean["weight"].to_list() == [1.0] * 12
    paper, reversed_ = (weigh(round_, objective_of(student_weight=w)) for w in ("high_ppl", "low_ppl"))
    assert row(reversed_, "a", 0)["weight"] == pytest.approx(row(paper, "a", 1)["weight"])


def test_only_released_mode_clips_opd_by_default():
    assert [method_of(objective_of(*method)).opd_clip for method in METHODS] == [None, 0.2, None, None, None]


@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_only_grpo_has_advantages(round_, method, mode):
    nulls = weigh(round_, objective_of(method, mode))["advantage"].null_count()
    assert nulls == (0 if method == "grpo" else 12)


def test_group_advantages_by_hand():
    """A_i = (R_i - mean) / (std + eps) with the sample standard deviation; 0 where all rewards are equal."""
    round_ = made_up_round({"a": "110", "b": "000", "c": "111"})
    advantages = weigh(round_, objective_of("grpo", advantage_eps=1e-9))["advantage"].to_list()
    high, low = (1 / 3) / math.sqrt(1 / 3), (-2 / 3) / math.sqrt(1 / 3)
    assert advantages == pytest.approx([high, high, low, 0, 0, 0, 0, 0, 0])
    softened = weigh(round_, objective_of("grpo", advantage_eps=1.0))
    assert row(softened, "a", 2)["advantage"] == pytest.approx((-2 / 3) / (math.sqrt(1 / 3) + 1))


def test_a_group_of_one_has_advantage_0_and_weight_1():
    round_ = made_up_round({"a": "1", "b": "0"})
    assert weigh(round_, objective_of("grpo"))["advantage"].to_list() == [0, 0]
    for method, mode in METHODS:
        assert weigh(round_, objective_of(method, mode))["weight"].to_list() == [1, 1]


# Normalisers.


@pytest.mark.parametrize("method", ["scope", "opd", "grpo", "kd"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_rollout_is_divided_by_the_prompts_of_its_step_and_for_a_mean_by_its_length(round_, method, reduction):
    """normaliser_i = P T_i (mean) or P (sum); P = 3 counts b and c, of which one path is empty (Eq. 6)."""
    for made in weigh(round_, objective_of(method, token_reduction=reduction)).iter_rows(named=True):
        length = len(made["response_token_ids"]) if reduction == "mean" else 1
        assert made["normaliser"] == 3 * length


def test_released_mode_divides_by_tokens_of_the_step():
    """nll by the tokens of the correct path, opd by those of all responses, each counted over its own step."""
    round_ = made_up_round({**GROUPS, "d": "0001"})
    batch = weigh(round_, objective_of(mode="released"), prompts_per_step=2)
    for step, prompts in enumerate(("ab", "cd")):
        rows = [made for made in batch.iter_rows(named=True) if made["prompt_id"] in prompts]
        of_all = sum(len(made["response_token_ids"]) for made in rows)
        of_correct = sum(len(made["response_token_ids"]) for made in rows if made["correct"])
        for made in rows:
            assert made["step"] == step
            assert made["normaliser"] == (of_correct if made["correct"] else of_all)


@pytest.mark.parametrize("mark", ["1", "0"])
@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_a_step_with_one_path_only_is_weighed_whole(method, mode, mark):
    batch = weigh(made_up_round({"a": mark * 3, "b": mark * 3}), objective_of(method, mode))
    for column in ("weight", "normaliser"):
        assert batch[column].is_finite().all()
        assert batch[column].min() > 0
    per_prompt = 3 if mode == "released" else 1
    assert batch.group_by("prompt_id").agg(pl.col("weight").sum())["weight"].to_list() == pytest.approx(
        [per_prompt] * 2
    )


def test_prompts_take_their_steps_from_the_training_order():
    round_ = made_up_round({"a": "10", "b": "10", "c": "10", "d": "10"}).but(order=["d", "a", "c", "b"])
    batch = weigh(round_, objective_of(), prompts_per_step=2)
    assert dict(batch.select("prompt_id", "step").iter_rows()) == {"d": 0, "a": 0, "c": 1, "b": 1}
    assert row(batch, "a")["normaliser"] == 2 * len(row(batch, "a")["response_token_ids"])


# What goes through to the update.


@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_a_batch_has_the_columns_and_types_of_its_schema(round_, method, mode):
    assert weigh(round_, objective_of(method, mode)).schema == table("batch", []).schema


def test_a_batch_carries_tokens_and_log_probabilities_unchanged(round_, tmp_path):
    finish = ["length" if i % 5 == 0 else "stop" for i in range(12)]
    round_ = round_.but(rollouts=round_.rollouts.with_columns(finish_reason=pl.Series(finish)))
    parquet.write(tmp_path / "batch.parquet", BATCH, weigh(round_, objective_of("opd")), recipe=RECIPE)
    stored = parquet.read(tmp_path / "batch.parquet", BATCH)
    kept = round_.rollouts.join(round_.prompts, on="prompt_id").join(round_.scores, on=KEY).sort(KEY)
    for column in ("prompt_token_ids", "response_token_ids", "logprobs"):
        assert stored[column].to_list() == kept[column].to_list()
    assert stored["scorer_logprobs"].to_list() == kept["scorer_logprobs"].to_list()
    assert stored["truncated"].to_list() == [reason == "length" for reason in finish]


def test_kd_forgets_the_log_probabilities_of_its_teacher(round_):
    """They are of another policy than the student: no ratio may be made of them."""
    assert weigh(round_, objective_of("kd"))["logprobs"].null_count() == len(round_.rollouts)


def test_kd_may_drop_incorrect_samples(round_):
    batch = weigh(round_, objective_of("kd", drop_incorrect=True))
    assert batch.select(KEY).rows() == [("a", 0), ("a", 1), *(("c", i) for i in range(4))]
    assert set(batch["weight"]) == {1 / 4}


def test_a_prompt_whose_samples_were_all_dropped_still_counts(round_):
    """P counts prompts with an empty path: b is one, though none of its rows is left."""
    batch = weigh(round_, objective_of("kd", drop_incorrect=True, token_reduction="sum"))
    assert set(batch["normaliser"]) == {3.0}


# Scores that are not needed.


def test_scope_needs_no_scores_of_correct_rollouts(round_):
    whole = weigh(round_, objective_of())
    right = round_.verdicts.filter("correct").select(KEY)
    absent = round_.but(scores=round_.scores.join(right, on=KEY, how="anti"))
    null = round_.but(
        scores=round_.scores.join(right.with_columns(hit=True), on=KEY, how="left", maintain_order="left").select(
            *KEY, scorer_logprobs=pl.when(pl.col("hit").is_null()).then("scorer_logprobs")
        )
    )
    for partly in (absent, null):
        batch = weigh(partly, objective_of())
        assert batch.drop("scorer_logprobs").equals(whole.drop("scorer_logprobs"))
        assert batch["scorer_logprobs"].is_null().to_list() == batch["correct"].to_list()


def test_an_all_correct_round_of_scope_needs_no_scorer():
    assert set(weigh(made_up_round({"a": "11"}).but(scores=None), objective_of())["loss"]) == {"mle"}


def test_grpo_needs_the_reference_only_for_its_kl(round_):
    unscored = round_.but(scores=None)
    assert len(weigh(unscored, objective_of("grpo", kl_coefficient=0))) == 12
    with refused("invalid-logprobs", "scorer_logprobs"):
        weigh(unscored, objective_of("grpo", kl_coefficient=1e-4))


def test_kd_needs_no_scorer(round_):
    assert len(weigh(round_.but(scores=None), objective_of("kd"))) == 12


# Refusals: each names the rollout or the prompt, and the stage to run again.

DAMAGE = {
    "missing": lambda values: None,
    "short": lambda values: values[:-1],
    "long": lambda values: [*values, -1.0],
    "NaN": lambda values: [*values[:-1], math.nan],
    "-inf": lambda values: [-math.inf, *values[1:]],
    "null inside": lambda values: [*values[:-1], None],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_damaged_rollout_log_probabilities_are_refused(round_, method, mode, damage):
    rollouts = changed(round_.rollouts, "b", 1, "logprobs", DAMAGE[damage])
    with refused("invalid-logprobs", "rollout 1 of prompt 'b'", "run rollout"):
        weigh(round_.but(rollouts=rollouts), objective_of(method, mode))


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("method", "mode"), ON_POLICY)
def test_damaged_scores_are_refused_where_they_are_needed(round_, method, mode, damage):
    scores = changed(round_.scores, "b", 1, "scorer_logprobs", DAMAGE[damage])
    with refused("invalid-logprobs", "rollout 1 of prompt 'b'", "run score"):
        weigh(round_.but(scores=scores), objective_of(method, mode))


@pytest.mark.parametrize(("method", "mode"), ON_POLICY)
def test_an_absent_score_is_refused_where_it_is_needed(round_, method, mode):
    with refused("invalid-logprobs", "rollout 1 of prompt 'b'", "run score"):
        weigh(round_.but(scores=without(round_.scores, "b", 1)), objective_of(method, mode))


@pytest.mark.parametrize("method", ["opd", "grpo"])
def test_opd_and_grpo_need_scores_of_correct_rollouts_too(round_, method):
    with refused("invalid-logprobs", "rollout 0 of prompt 'c'", "run score"):
        weigh(round_.but(scores=without(round_.scores, "c", 0)), objective_of(method))


@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_a_rollout_without_verdict_is_refused(round_, method, mode):
    unread = round_.verdicts.with_columns(correct=pl.when(pl.col("prompt_id") != "c").then("correct"))
    for verdicts, name in ((without(round_.verdicts, "b", 1), "rollout 1 of prompt 'b'"), (unread, "prompt 'c'")):
        with refused("missing-value", name, "correct", "run verify"):
            weigh(round_.but(verdicts=verdicts), objective_of(method, mode))


@pytest.mark.parametrize(("method", "mode"), METHODS)
def test_a_ragged_group_is_refused(round_, method, mode):
    rollouts = without(round_.rollouts, "b", 3)
    with refused("uneven-groups", "prompt 'b' has 3 rollouts", "4"):
        weigh(round_.but(rollouts=rollouts), objective_of(method, mode))


def test_an_empty_response_is_refused(round_):
    rollouts, scores = round_.rollouts, round_.scores
    for column in ("response_token_ids", "logprobs"):
        rollouts = changed(rollouts, "b", 1, column, lambda _: [])
    scores = changed(scores, "b", 1, "scorer_logprobs", lambda _: [])
    with refused("invalid-logprobs", "rollout 1 of prompt 'b'", "0 response tokens"):
        weigh(round_.but(rollouts=rollouts, scores=scores), objective_of())


def test_a_rollout_of_an_unknown_prompt_is_refused(round_):
    with refused("missing-value", "rollout 0 of prompt 'b'", "prompt_token_ids"):
        weigh(round_.but(prompts=round_.prompts.filter(pl.col("prompt_id") != "b")), objective_of())


def test_a_rollout_of_a_prompt_outside_the_round_is_refused(round_):
    with refused("missing-value", "rollout 0 of prompt 'b'", "step"):
        weigh(round_.but(order=["a", "c"]), objective_of())


def test_a_prompt_of_the_round_without_rollouts_is_refused(round_):
    with refused("no-rollouts", "prompt 'd'"):
        weigh(round_.but(order=[*round_.order, "d"]), objective_of())
