# What is deleted when a round is over, and what brings a deleted policy back.


rule retire:
    input:
        unpack(retire_inputs),
        batch=f"{ROUND}/batch.parquet",
    output:
        f"{ROUND}/retired.json",
    log:
        f"{ROUND}/logs/retire.log",
    wildcard_constraints:
        arm=ARM,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("retire"),
    shell:
        "python scripts/retire.py --round {wildcards.round} --batch {input.batch:q}"
        " --evaluations {input.evaluations:q} --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule restore:
    input:
        unpack(restore_inputs),
        batch=f"{ROUND}/batch.parquet",
        original=f"{ROUND}/policy/manifest.json",
    output:
        policy=f"{ROUND}/restored/policy/manifest.json",
        state=f"{ROUND}/restored/state/manifest.json",
        metrics=f"{ROUND}/restored/metrics.parquet",
    log:
        f"{ROUND}/logs/restore.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/restore.tsv"
    wildcard_constraints:
        arm=ARM,
    conda:
        "../../envs/train.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of("restore"),
    shell:
        "WANDB_MODE=disabled stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/update.py --batch {input.batch:q} --policy {input.policy:q}"
        " --state {input.state:q} --teacher {input.teacher:q} --repeats {input.original:q}"
        " --arm {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out-policy {output.policy:q} --out-state {output.state:q} --out-metrics {output.metrics:q}"
        " --recipe {params.recipe:q} &> {log:q}"
