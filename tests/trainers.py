"""What tests of the trainer share: arms, batches, trainers, and the formula of a step without the library's losses."""

import pytest
import torch

from scope.artifacts.schemas.metrics import COST_NAMES
from scope.config.training import Update
from scope.method.table import method_of
from scope.planning.take import take
from scope.update.execution import Execution
from scope.update.loss_settings import LossSettings
from scope.update.recipe import UpdateSettings
from scope.update.state import OptimizerState
from scope.update.step_metrics import StepMetrics
from scope.update.trainer import Trainer
from worlds import made_up_round, objective_of, scored_by, weigh

GROUPS = {"a": "1100", "b": "0000", "c": "1111", "d": "0111"}
ARMS = {
    "scope": objective_of(tau=0.5),
    "scope, sum": objective_of(token_reduction="sum"),
    "scope, full KL": objective_of(kl="full"),
    "released": objective_of(mode="released"),
    "opd": objective_of("opd"),
    "opd, full KL": objective_of("opd", kl="full"),
    "opd, clipped": objective_of("opd", opd_clip=0.1),
    "grpo": objective_of("grpo", kl_coefficient=0.1),
    "grpo without KL": objective_of("grpo", kl_coefficient=0),
    "kd": objective_of("kd"),
}
every_arm = pytest.mark.parametrize("objective", ARMS.values(), ids=ARMS)


def make_batch(objective, student, teacher, groups=GROUPS, prompts_per_step=None, temperatures=(1.0, 1.0), seed=0):
    """A round that `student` could have written, scored by `teacher` and weighed."""
    at = dict(zip(("student_temperature", "teacher_temperature"), temperatures, strict=True))
    return weigh(scored_by(made_up_round(groups, seed), student, teacher, **at), objective, prompts_per_step)


def update_settings(**changes):
    """The section `update`, as the trainer takes it in two parts; gradients stay unclipped unless told."""
    section = Update(**{"learning_rate": 1e-4, "micro_batch_tokens": 64, "grad_clip": 1e9, **changes})
    return take(UpdateSettings, section), take(Execution, section)


def zero(stage, **settings):
    """`update.deepspeed` of a ZeRO stage; at stage 3 every weight is divided, as those of a large model are.

    By default DeepSpeed keeps weights of fewer than 100,000 numbers whole, which are all of a tiny model's.
    """
    divided = {"stage3_param_persistence_threshold": 0} if stage == 3 else {}
    return {"zero_optimization": {"stage": stage, **divided, **settings}}


def loss_settings(objective, student_temperature=1.0, teacher_temperature=1.0):
    """What the batch and the recipe tell the trainer about its losses."""
    return LossSettings(
        kl=objective.kl,
        opd_clip=objective.opd_clip or method_of(objective).opd_clip,
        pg_clip=objective.pg_clip,
        kl_coefficient=objective.kl_coefficient,
        student_temperature=student_temperature,
        teacher_temperature=teacher_temperature,
    )


def make_trainer(model, objective, teacher=None, temperatures=(1.0, 1.0), **update):
    return Trainer(model, *update_settings(**update), "float32", loss_settings(objective, *temperatures), teacher)


def step_in_float64(model, batch, objective, teacher=None, temperatures=(1.0, 1.0)):
    """The loss of a step in several micro-batches, and {weight: gradient} of those that are trained."""
    settings = update_settings(deepspeed=zero(0))
    trainer = Trainer(model, *settings, "float64", loss_settings(objective, *temperatures), teacher)
    shares = [trainer.micro_batch_loss(micro, StepMetrics(trainer.device)) for micro in trainer.micro_batches(batch)]
    assert len(shares) > 1
    trainer.engine.set_gradient_accumulation_boundary(False)  # DeepSpeed reduces no float64
    trainer.engine.backward(sum(shares))
    return sum(shares).item(), {name: w.grad for name, w in model.named_parameters() if w.requires_grad}


def assert_equal_to_1e_9(gradient, expected):
    """Of {weight: gradient}, as a share of the largest value."""
    assert gradient.keys() == expected.keys()
    scale = max(each.abs().max() for each in expected.values())
    assert scale > 0
    for name, each in gradient.items():
        assert (each - expected[name]).abs().max() <= 1e-9 * scale, name


def gradients(trainer):
    """The gradient of the first step, as AdamW saw it: its first moment is (1 - beta_1) g."""
    return {name: parts["exp_avg"] / (1 - 0.9) for name, parts in whole_state(trainer)[0].items()}


def whole_state(trainer):
    """{weight: {part: whole tensor}}, and the number of steps."""
    state = OptimizerState(trainer.engine)
    whole = {name: state.read(parameter) for _, name, parameter in state.shares()}
    return {name: {part: value.clone() for part, value in parts.items()} for name, parts in whole.items()}, state.step


def without_costs(metrics):
    """What a step logs, but for the time and memory that no other run repeats."""
    return {name: value for name, value in metrics.items() if name not in COST_NAMES}


def weights_of(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def distributions(model, row, temperature):
    """(T, V) log pi at the response tokens, by a plain forward pass over this one row."""
    prompt, response = row["prompt_token_ids"], row["response_token_ids"]
    logits = model(input_ids=torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, dim=-1)


def of_tokens(logp_TV, row):
    return logp_TV[range(len(logp_TV)), row["response_token_ids"]]


def token_losses(row, objective, logp_TV, old_T, teacher_TV):
    """Eqs. 2 and 3, the NLL, GRPO's surrogate with its k3, and the exact KL."""
    logp_T = of_tokens(logp_TV, row)
    rho_T = (logp_T - old_T).exp()
    surrogate = lambda a, clip: -torch.minimum(rho_T * a, rho_T.clamp(1 - clip, 1 + clip) * a)  # noqa: E731
    if row["loss"] == "mle":
        return -rho_T
    if row["loss"] == "nll":
        return -logp_T
    if row["loss"] == "pg":
        gap_T = torch.tensor(row["scorer_logprobs"]) - logp_T if objective.kl_coefficient else 0 * logp_T
        return surrogate(row["advantage"], objective.pg_clip) + objective.kl_coefficient * (gap_T.exp() - gap_T - 1)
    if objective.kl == "full":
        return (logp_TV.exp() * (logp_TV - teacher_TV)).sum(dim=-1)
    gap_T = (logp_T - torch.tensor(row["scorer_logprobs"])).detach()
    clip = loss_settings(objective).opd_clip
    return rho_T * gap_T if clip is None else surrogate(-gap_T, clip)


def formula(model, batch, objective, teacher, temperatures=(1.0, 1.0), old=None):
    """{token loss: its part of L}; `old` is the policy of Eq. 1, by default this one."""
    parts = {}
    for row in batch.iter_rows(named=True):
        logp_TV = distributions(model, row, temperatures[0])
        old_TV = logp_TV if old is None else distributions(old, row, temperatures[0])
        teacher_TV = distributions(teacher, row, temperatures[1]).detach()
        loss_T = token_losses(row, objective, logp_TV, of_tokens(old_TV, row).detach(), teacher_TV)
        parts.setdefault(row["loss"], []).append(row["weight"] / row["normaliser"] * loss_T.sum())
    return {kind: sum(terms) for kind, terms in parts.items()}
