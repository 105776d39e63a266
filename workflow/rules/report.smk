# The pages at the end, of the experiment and of one arm, and single figures.


rule report:
    input:
        **page_inputs(CONFIG.arms),
        **page_data(),
        prompts=f"{SHARED}/prompts/train.parquet",
        checks=TEACHER_CHECK,
        templates=report_templates(),
    output:
        report(f"{RESULTS}/report.html", caption="../report/report.rst", category="Results"),
    log:
        f"{RESULTS}/report.log",
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=shared_recipe("report"),
        benchmarks=BENCHMARKS,
        absent=" ".join(sorted(ABSENT)),
    shell:
        "python scripts/report.py --evaluations {input.evaluations:q} --metrics {input.metrics:q}"
        " --batches {input.batches:q} --rollouts {input.rollouts:q} --verdicts {input.verdicts:q}"
        " --prompts {input.prompts:q} --problems {input.problems:q} --faults {input.faults:q}"
        " --checks {input.checks:q} --benchmarks {params.benchmarks:q} --absent {params.absent}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


use rule report as arm_report with:
    input:
        unpack(arm_page_inputs),
        **page_data(),
        prompts=f"{SHARED}/prompts/train.parquet",
        checks=TEACHER_CHECK,
        templates=report_templates(),
    output:
        f"{RESULTS}/{{arm}}/report.html",
    log:
        f"{RESULTS}/{{arm}}/report.log",
    wildcard_constraints:
        arm=ARM,
    params:
        recipe=lambda wildcards: recipe(CONFIG.model_copy(update={"arms": [wildcards.arm]}), "report"),
        benchmarks=BENCHMARKS,
        absent=" ".join(sorted(ABSENT)),


rule figure:
    input:
        unpack(figure_inputs),
    output:
        f"{RESULTS}/figures/{{figure}}.svg",
    log:
        f"{RESULTS}/figures/logs/{{figure}}.log",
    wildcard_constraints:
        figure="[a-z_]+",
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=shared_recipe("figure"),
    shell:
        "python scripts/figure.py --figure {wildcards.figure} --evaluations {input.evaluations:q}"
        " --metrics {input.metrics:q} --out {output:q} --recipe {params.recipe:q} &> {log:q}"
