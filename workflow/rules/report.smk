# The page at the end.


rule report:
    input:
        evaluations=evaluations(),
        metrics=each_round(f"{ROUND}/metrics.parquet"),
        batches=each_round(f"{ROUND}/batch.parquet", [CONFIG.rounds]),
        rollouts=last_round("rollout"),
        verdicts=last_round("verify"),
        prompts=f"{SHARED}/prompts/train.parquet",
        checks=TEACHER_CHECK,
        templates=report_templates(),
    output:
        report(f"{RESULTS}/report.html", caption="../report/report.rst", category="Results"),
    log:
        f"{RESULTS}/report.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("report"),
        benchmarks=BENCHMARKS,
    shell:
        "python scripts/report.py --evaluations {input.evaluations:q} --metrics {input.metrics:q}"
        " --batches {input.batches:q} --rollouts {input.rollouts:q} --verdicts {input.verdicts:q}"
        " --prompts {input.prompts:q} --checks {input.checks:q} --benchmarks {params.benchmarks:q}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"
