# Functions that the rules share: the checked configuration, paths, and who needs what.
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from scope.config import advice, arm_config, expand_path, parse_config
from scope.errors import InputError
from scope.methods import method_of
from scope.stages import recipe


def checked(make, *arguments):
    """Turn bad input into one message without a traceback."""
    try:
        return make(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


CONFIG = checked(parse_config, config)
ARMS = {arm: checked(arm_config, config, arm) for arm in CONFIG.arms}
# What jobs find in their environment. Without conda or a container they run the Python that runs Snakemake,
# whether or not its environment is active.
EXPORTS = f"export WANDB_MODE={CONFIG.tracking.wandb} WANDB_PROJECT={CONFIG.tracking.project}; "
if not workflow.deployment_settings.deployment_method:
    EXPORTS += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(EXPORTS)

for arm, arm_settings in ARMS.items():
    for line in advice(arm_settings):
        print(f"Warning: arm {arm}: {line}", file=sys.stderr)

RESULTS = f"results/{CONFIG.experiment}"
SHARED = f"{RESULTS}/shared"
ROUND = f"{RESULTS}/{{variant}}/seed{{seed}}/round{{round}}"
TEACHER_CHECK = f"{SHARED}/check_teacher.parquet"
BENCHMARKS = f"{RESULTS}/benchmarks"
EVALUATED = sorted(CONFIG.data.benchmarks) or ["coins"]


def arm_of(wildcards):
    """The configuration of the wildcards' arm, also of one that the experiment does not list."""
    if wildcards.variant not in ARMS:
        ARMS[wildcards.variant] = checked(arm_config, config, wildcards.variant)
    return ARMS[wildcards.variant]


def recipe_of(stage):
    """A params function: the stage's recipe under the wildcards' arm, its one parameter."""

    def params(wildcards):
        arm = arm_of(wildcards) if "variant" in wildcards.keys() else CONFIG
        return recipe(arm, stage, **dict(wildcards.items()))

    return params


def model_manifest(name):
    return f"{SHARED}/models/{name}/manifest.json"


def policy_before(wildcards):
    """The policy that a round starts from: the base policy, or that of the round before."""
    if wildcards.round == "1":
        return model_manifest("student")
    return f"{ROUND}/policy/manifest.json".format(**before(wildcards))


def state_before(wildcards):
    """The optimizer state that a round takes up; none in round 1."""
    return [] if wildcards.round == "1" else f"{ROUND}/state/manifest.json".format(**before(wildcards))


def before(wildcards):
    return {**dict(wildcards.items()), "round": int(wildcards.round) - 1}


def behaviour_policy(wildcards):
    """Who draws the rollouts: the policy so far, or the teacher (KD)."""
    teaches = method_of(arm_of(wildcards).objective).behaviour == "teacher"
    return model_manifest("teacher") if teaches else policy_before(wildcards)


def scorer(wildcards):
    """Who scores the rollouts: the teacher, or the base policy as GRPO's reference."""
    return model_manifest("teacher" if method_of(arm_of(wildcards).objective).scorer == "teacher" else "student")


def behaviour_check(wildcards):
    """The teacher's checks, where it draws the rollouts."""
    return TEACHER_CHECK if method_of(arm_of(wildcards).objective).behaviour == "teacher" else []


def scorer_check(wildcards):
    """The teacher's checks, where it scores. Other rollouts do not wait for them, and so do not rerun with them."""
    return TEACHER_CHECK if method_of(arm_of(wildcards).objective).scorer == "teacher" else []


def shards(stage):
    """An input function: a stage's files of all shards of a round."""

    def files(wildcards):
        count = arm_of(wildcards).rollout.shards
        return [f"{ROUND}/{stage}/{shard}.parquet".format(**wildcards) for shard in range(count)]

    return files


def score_shards(wildcards):
    """Scores of all shards, or none where the objective uses none."""
    return shards("score")(wildcards) if method_of(arm_of(wildcards).objective).scorer else []


def exact_kl_teacher(wildcards):
    """The teacher, where the update itself needs its distribution."""
    objective = arm_of(wildcards).objective
    needed = objective.kl == "full" and "opd" in method_of(objective).losses
    return model_manifest("teacher") if needed else []


def train_rows():
    return checked(expand_path, CONFIG.data.train.path) if CONFIG.data.train else []


def benchmark_rows(wildcards):
    rows = CONFIG.data.benchmarks.get(wildcards.benchmark)
    return checked(expand_path, rows.path) if rows else []


def model_tokenizer(wildcards):
    """The tokenizer of a model to make; a model folder brings its own."""
    made = getattr(CONFIG.models, wildcards.model).make
    return f"{SHARED}/tokenizer/manifest.json" if made else []


def model_folder(name):
    """The folder of a model that exists; empty for one to make. It has to be there before anything is planned."""
    path = getattr(CONFIG.models, name).path
    folder = checked(expand_path, path) if path else ""
    if folder and not Path(folder).is_dir():
        raise WorkflowError(f"models.{name}.path: {folder} is no folder; give a model in Hugging Face format")
    return folder


MODEL_FOLDERS = {name: model_folder(name) for name in ("student", "teacher")}


def flag(name, value):
    """`--name value`, or nothing where there is no value."""
    return f"--{name} {shlex.quote(str(value))}" if value else ""
