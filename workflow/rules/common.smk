# Functions that the rules share: the checked configuration, its arms, recipes, and models.
import shlex
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from scope.cluster.check.types import STAGE
from scope.config.experiment import advice, arm_config, expand_path, parse_config, with_grid
from scope.score.connection import VARIABLE, connection_of, to_text
from scope.planning.disk import bytes_below, describe, free_bytes, project, readable
from scope.errors import InputError
from scope.run.lock import acquire_lock, release_lock
from scope.slurm.executor import patch_slurm_executor
from scope.prompts.hub import row_files
from scope.artifacts.metadata import digest_of, read_provenance
from scope.planning.arm import plan_arm, duplicate_arms
from scope.planning.retention import is_retired, is_there, keeps, restart_round, update_seconds
from scope.planning.sharing import check_name
from scope.planning.recipes import grading_recipe, recipe
from scope.artifacts.partial import SECONDS_VARIABLE


def checked(make, *arguments):
    """Turn bad input into one message without a traceback."""
    try:
        return make(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def say(line):
    """A line for whoever plans or starts a run; jobs on other machines, which plan again, do not repeat it."""
    if workflow.is_main_process:
        print(line, file=sys.stderr)


RAW = checked(with_grid, config)
CONFIG = checked(parse_config, RAW)
ARMS = {arm: checked(arm_config, RAW, arm) for arm in CONFIG.arms}
# What jobs find in their environment. Without conda or a container they run the Python that runs Snakemake,
# whether or not its environment is active.
EXPORTS = f"export WANDB_MODE={CONFIG.tracking.wandb} WANDB_PROJECT={CONFIG.tracking.project}; "
if CONFIG.resume.every_s is not None:
    EXPORTS += f"export {SECONDS_VARIABLE}={CONFIG.resume.every_s}; "
CONNECTION = connection_of(CONFIG.teacher, CONFIG.experiment)
if CONNECTION:
    EXPORTS += f"export {VARIABLE}={shlex.quote(to_text(CONNECTION))}; ".replace("{", "{{").replace("}", "}}")
if not workflow.deployment_settings.deployment_method:
    EXPORTS += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(f"source {shlex.quote(str(Path(workflow.basedir) / 'workflow/stage.sh'))}; {EXPORTS}")

RESULTS = f"results/{CONFIG.experiment}"


def round_folder(arm, seed, round_):
    return f"{RESULTS}/{arm}/seed{seed}/round{round_}"


SHARED = f"{RESULTS}/shared"
ROUND = round_folder("{arm}", "{seed}", "{round}")
TEACHER_CHECK = f"{SHARED}/check_teacher.parquet"
CHECK_NAME = check_name(CONFIG)
BENCHMARKS = f"{RESULTS}/benchmarks"
# A folder of one arm; rollouts, verdicts and scores lie in shared/{name} too.
ARM = r"[A-Za-z0-9][A-Za-z0-9._=+-]*"


@cache
def plan_for(arm):
    """The plan of an arm, also of one that the experiment does not list."""
    return plan_arm(ARMS[arm] if arm in ARMS else checked(arm_config, RAW, arm))


def find_plan(name, fits):
    """The first plan, listed arms first, that shared work of a name belongs to."""
    for plan in map(plan_for, [*CONFIG.arms, *RAW["variants"]]):
        if fits(plan):
            return plan
    raise WorkflowError(f"{SHARED}/{name}: no variant has such settings any more; delete it")


@cache
def shared_plan(rollouts, scores=None):
    """The plan of some arm that uses a folder of shared rollouts and, where given, of scores on them."""
    return find_plan(
        f"{rollouts}/{scores or ''}", lambda plan: plan.rollouts == rollouts and scores in (None, plan.scores)
    )


def arm_plan(wildcards):
    """The plan behind a round's folder, an arm's own or a shared one."""
    if wildcards.arm.startswith("shared/"):
        return shared_plan(wildcards.arm.removeprefix("shared/"), wildcards.get("scores"))
    return plan_for(wildcards.arm)


def teacher_check(plan):
    """The teacher's checks: the experiment's, or those of an arm with other settings of the teacher."""
    return TEACHER_CHECK if plan.check == CHECK_NAME else f"{SHARED}/{plan.check}.parquet"


def recipe_of_check(wildcards):
    """The recipe of the teacher's checks: the experiment's, or that of an arm that they are named after."""
    if wildcards.check == "check_teacher":
        return recipe(CONFIG, "check_teacher")
    return find_plan(wildcards.check, lambda plan: plan.check == wildcards.check).recipes["check_teacher"]


def recipe_of(stage):
    """A params function: the recipe of an arm's stage, its one parameter."""
    return lambda wildcards: arm_plan(wildcards).recipes[stage]


def shared_recipe(stage):
    """A params function: the recipe of a stage that all arms share."""
    return lambda wildcards: recipe(CONFIG, stage, **dict(wildcards.items()))


def model_manifest(name):
    return f"{SHARED}/models/{name}/manifest.json"


def train_rows(wildcards):
    files = checked(row_files, CONFIG.data.train) if CONFIG.data.train else []
    for file in files:
        if not Path(file).is_file():
            raise WorkflowError(f"data.train: {file} is not there; put the file there, or name another")
    return files


def model_tokenizer(wildcards):
    """The tokenizer of a model to make; a model folder brings its own."""
    made = getattr(CONFIG.models, wildcards.model).make
    return f"{SHARED}/tokenizer/manifest.json" if made else []


def model_folder(name):
    """The folder of a model that exists; empty for one to make. It has to be there before anything is planned."""
    path = getattr(CONFIG.models, name).path
    try:
        folder = expand_path(path) if path else ""
    except InputError as error:
        raise WorkflowError(f"models.{name}.path: {error}") from None
    if folder and not Path(folder).is_dir():
        raise WorkflowError(f"models.{name}.path: {folder} is no folder; give a model in Hugging Face format")
    return folder


MODEL_FOLDERS = {name: model_folder(name) for name in ("student", "teacher")}


def model_bytes(name):
    """Bytes of the weights of a model that exists; None for one to make."""
    folder = MODEL_FOLDERS[name]
    return sum(file.stat().st_size for file in Path(folder).glob("*.safetensors")) if folder else None


def flag(name, *values):
    """`--name value ...`, or nothing where there is no value."""
    return f"--{name} {shlex.join(map(str, values))}" if any(values) else ""
