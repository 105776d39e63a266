# SCOPE (arXiv 2604.10688) as a workflow:
#   data -> teacher check -> rounds of rollout > verify > score > weigh > update -> evaluate -> report
# `snakemake --cores 2` runs config/config.yaml, the embedded demo; `--configfile FILE` another experiment.
import sys

from snakemake.utils import min_version

min_version("9.27")
sys.setrecursionlimit(20000)


configfile: "config/variants.yaml"


if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/round.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


wildcard_constraints:
    model="student|teacher",
    benchmark=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    variant=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    seed=r"\d+",
    round=r"[1-9]\d*",
    shard=r"\d+",


# Every round is asked for by name, in ascending order: a chain of hundreds would else be planned by recursion.
rule all:
    default_target: True
    input:
        policies_in_order(),
        f"{RESULTS}/report.html",
