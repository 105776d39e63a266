# SCOPE (arXiv 2604.10688) as a workflow:
#   data -> teacher check -> rounds of rollout > verify > score > weigh > update -> evaluate -> report
# `snakemake --cores 2` runs config/config.yaml, the embedded demo; `--configfile FILE` another experiment.
import gc
import os
import re
import shutil
import sys

from snakemake.utils import min_version

min_version("9.27")
sys.setrecursionlimit(20000)
# Three tenths of planning 16,000 jobs went into looking for garbage among objects that all stay (docs/scale.md).
gc.freeze()
gc.set_threshold(200_000, 20, 100)


configfile: "config/variants.yaml"


if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/round.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/retention.smk"
include: "workflow/rules/report.smk"


wildcard_constraints:
    model="student|teacher",
    policy="base|teacher",
    benchmark="|".join(map(re.escape, PLAN.benchmarks.names)),
    sampling="|".join(map(re.escape, CONFIG.evaluation.sampling)),
    arm=NAME,
    rollouts=NAME,
    seed=r"\d+",
    round=r"[1-9]\d*",
    shard=r"\d+",
    scores=r"score-[a-z]+-[a-z]+-[0-9a-f]{10}",
    evaluated=EVALUATED,


WEIGHTS = {name: weights_in(folder) for name, folder in MODEL_FOLDERS.items()}
if workflow.is_main_process:
    for line in checked(notices.preflight_notices, PLAN, WEIGHTS, whole=asks_for_all(sys.argv[1:])):
        say(line)


USED_UP = set()


onstart:
    checked(sources.check_made_prompts, PLAN, workflow.dag)
    checked(acquire_lock)
    checked(patch_slurm_executor, workflow)
    USED_UP.update(restore.restored_to_be_used(workflow.dag))
    for line in notices.code_changes(notices.jobs_with_other_recipes(workflow.dag)):
        say(line)


onsuccess:
    for folder in USED_UP:
        shutil.rmtree(folder)
    release_lock()
    if os.path.exists(LAYOUT.report):
        say(f"report: {LAYOUT.report}")


onerror:
    release_lock()
    say("stopped: what is finished is kept, and the same command resumes the run")


# Every round is asked for by name, in ascending order: a chain of hundreds would else be planned by recursion.
rule all:
    default_target: True
    input:
        targets.policies(PLAN),
        targets.retired_rounds(PLAN),
        LAYOUT.report,
