# What the rules share: the plan of the experiment, its paths, and the adaptors between Snakemake and scope.planning.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from snakemake.logging import logger

from scope.artifacts.layout import EVALUATED, NAME, evaluation_file, issues_file, record_file, samples_file
from scope.artifacts.recipe_files import plan_recipe
from scope.artifacts.stages import RESOURCES
from scope.config.start import start_rounds
from scope.errors import InputError
from scope.planning import checks, inputs, notices, restore, sources, targets
from scope.planning.benchmarks import held_out_files
from scope.planning.environment import exports, flag, held_out_flags, rows_flags
from scope.planning.content import model_folder
from scope.planning.model_links import link_models
from scope.planning.plan import make_plan
from scope.planning.unrecorded import force_outdated
from scope.artifacts.weight_headers import weights_in
from scope.run.arguments import asks_for_all, check_folder, raw_configuration
from scope.run.lock import acquire_lock, release_lock
from scope.slurm.executor import patch_slurm_executor


def checked(make, *arguments, **named):
    """Turn bad input into one message without a traceback."""
    try:
        return make(*arguments, **named)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def stopped(make, *arguments):
    """As `checked`, for input functions: Snakemake ignores their errors where the job's output exists from before."""
    try:
        return make(*arguments)
    except InputError as error:
        logger.error(f"error: {error}")
        sys.exit(1)


def say(line):
    """A line for whoever plans or starts a run; jobs on other machines, which plan again, do not repeat it."""
    if workflow.is_main_process:
        print(line, file=sys.stderr)


def planned(function, guard=checked):
    """An input function of the planning, as an input function of Snakemake; the first call forces what is outdated."""
    return lambda wildcards: PLAN.once("forced", force) or guard(function, PLAN, wildcards)


def force():
    """Force what Snakemake does not compare itself: at parse time its settings do not exist yet."""
    if workflow.is_main_process:
        for line in checked(force_outdated, PLAN, workflow.dag_settings.rerun_triggers, workflow.dag.forcefiles):
            say(line)


def rows_of(function):
    """A params function: the files of rows that a job reads. As it takes `input`, no change of paths counts."""
    return lambda wildcards, input: rows_flags(planned(function)(wildcards), input.get("found"))


def recipe_of(rule):
    """A params function: the digest of a job's recipe, whose file exists from then on unless nothing is to run."""
    return lambda wildcards: plan_recipe(
        LAYOUT, checked(PLAN.recipe_of_job, rule, wildcards), write=not workflow.dryrun
    )


def place(wildcards):
    """A param: where a job that may read the first policy of its arm runs."""
    return inputs.place_arguments(PLAN, wildcards)


def started_from(wildcards, input):
    """A param: rounds whose policies stay for other arms. As it takes `input`, no change of it counts."""
    return sorted(start_rounds(PLAN.starts, wildcards.arm))


def execution(wildcards, input):
    """How an update is computed, as a param. As it takes `input`, no change of it counts."""
    return PLAN.arm(wildcards.arm).execution


def script_of(rule):
    """A params function: the script of a job, one of several where each domain of problems has its own."""
    return lambda wildcards: PLAN.script_of_job(rule, wildcards)


def checked_rows(rule, output):
    """An input function: what a check found in the rows of a job's prompts; generated rows have none.

    Its content counts, not its time, so it is ancient. But a dry run leaves out every job that an ancient file connects
    with a check that reruns, so for a job that reruns because of its own recipe it is a normal input.
    """

    def found(wildcards):
        if workflow.is_main_process:
            stopped(sources.check_source, PLAN, rule, wildcards)
        path, made = checks.found_file(PLAN, wildcards), output.format(**dict(wildcards.items()))
        return {"found": path if checks.runs_anyway(PLAN, rule, wildcards, made) else ancient(path)}

    return unpack(found) if CONFIG.data.train else []


def digest_of_found(wildcards):
    """The digest of what a check found, as a param; empty before its first run. Computed from `input` it would not count."""
    return PLAN.files.digest(checks.found_file(PLAN, wildcards)) or ""


checked(check_folder, workflow.basedir)
CONFIG_ARGUMENTS = workflow.config_settings.configfiles, workflow.config_settings.config_args
PLAN = checked(make_plan, checked(raw_configuration, *CONFIG_ARGUMENTS), say)
CONFIG, LAYOUT, SHARED = PLAN.config, PLAN.layout, PLAN.layout.shared
ROUND = LAYOUT.round("{arm}", "{seed}", "{round}")
SHARED_ROUND = LAYOUT.shared_round("{rollouts}", "{seed}", "{round}")
EVALUATIONS = LAYOUT.evaluated("{evaluated}")
PLACE, SHARED_PLACE = (f"--arm {arm} --seed {{seed}} --round {{round}}" for arm in ("{arm}", "shared"))
ONE_SHARD = ("{benchmark}", "{sampling}", "{shard}")
HELD_OUT = held_out_files(CONFIG, PLAN.benchmarks)
SHARED_ROLLOUTS = " ".join(sorted({PLAN.arm(arm).rollouts for arm in CONFIG.arms}))
REPORT_DATA = targets.report_data(PLAN)
SKIPPED = " ".join(sorted(PLAN.benchmarks.skipped))
MODEL_FOLDERS = {name: checked(model_folder, CONFIG, name) for name in ("student", "teacher")}
if workflow.is_main_process and not workflow.dryrun:
    checked(link_models, PLAN)

# Without conda or a container, jobs run the Python that runs Snakemake, whether or not its environment is active.
PYTHON = None if workflow.deployment_settings.deployment_method else sys.executable
shell.prefix(exports(CONFIG, LAYOUT.recipes, Path(workflow.basedir), PYTHON))
