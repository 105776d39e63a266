# Grading: the base policy and the teacher once per experiment, each arm's policy by round.


rule evaluate_shared:
    input:
        problems=f"{SHARED}/problems/{{benchmark}}.parquet",
        policy=lambda wildcards: model_manifest("student" if wildcards.policy == "base" else "teacher"),
    output:
        f"{SHARED}/evaluate/{{policy}}/{{benchmark}}.parquet",
    log:
        f"{SHARED}/logs/evaluate_{{policy}}_{{benchmark}}.log",
    benchmark:
        f"{BENCHMARKS}/shared/evaluate_{{policy}}_{{benchmark}}.tsv"
    wildcard_constraints:
        policy="base|teacher",
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=shared_recipe("evaluate"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/evaluate.py --problems {input.problems:q} --benchmark {wildcards.benchmark}"
        " --policy {input.policy:q} --label {wildcards.policy}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule evaluate:
    input:
        problems=f"{SHARED}/problems/{{benchmark}}.parquet",
        policy=graded_policy,
    output:
        f"{ROUND}/evaluate/{{benchmark}}.parquet",
    log:
        f"{ROUND}/logs/evaluate.{{benchmark}}.log",
    benchmark:
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/evaluate.{{benchmark}}.tsv"
    wildcard_constraints:
        variant=ARM,
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of("evaluate"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/evaluate.py --problems {input.problems:q} --benchmark {wildcards.benchmark}"
        " --policy {input.policy:q} --label {wildcards.variant} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"
