# The reports at the end, of the experiment and of one arm, and single figures.


rule report:
    input:
        **targets.report_inputs(PLAN, CONFIG.arms),
        **REPORT_DATA,
    output:
        report(LAYOUT.report, caption="../report/report.rst", category="Results"),
    log:
        LAYOUT.report_log(),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("report"),
        timings=LAYOUT.timings,
        shared=SHARED_ROLLOUTS,
        absent=SKIPPED,
    shell:
        "python scripts/report.py --evaluations {input.evaluations:q} --metrics {input.metrics:q}"
        " --batches {input.batches:q} --rollouts {input.rollouts:q} --verdicts {input.verdicts:q}"
        " --prompts {input.prompts:q} --problems {input.problems:q} --issues {input.issues:q}"
        " --checks {input.checks:q} --model {input.model:q} --teacher {input.teacher:q}"
        " --timings {params.timings:q}"
        " --shared {params.shared} --absent {params.absent}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule report as arm_report with:
    input:
        unpack(planned(targets.arm_report_inputs)),
        **REPORT_DATA,
    output:
        LAYOUT.arm_report("{arm}"),
    log:
        LAYOUT.report_log("{arm}"),
    localrule: True
    params:
        recipe=recipe_of("arm_report"),
        timings=LAYOUT.timings,
        shared=lambda wildcards: PLAN.arm(wildcards.arm).rollouts,
        absent=SKIPPED,


rule figure:
    input:
        unpack(planned(targets.figure_inputs)),
    output:
        LAYOUT.figure("{figure}"),
    log:
        LAYOUT.figure_log("{figure}"),
    wildcard_constraints:
        figure="[a-z_]+",
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("figure"),
    shell:
        "python scripts/figure.py --figure {wildcards.figure} --evaluations {input.evaluations:q}"
        " --metrics {input.metrics:q} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"
