# Grading: the base policy and the teacher once per experiment, each arm's policy by round. On demand, of one policy:
# its grades on all benchmarks at hand, and its samples as lm-evaluation-harness logs them.


rule evaluate_shared:
    input:
        problems=f"{SHARED}/problems/{{benchmark}}.parquet",
        policy=lambda wildcards: model_manifest("student" if wildcards.policy == "base" else "teacher"),
    output:
        f"{GRADED_ONCE}/{GRADES}",
    log:
        f"{SHARED}/logs/evaluate_{{policy}}_{GRADING}.log",
    benchmark:
        f"{BENCHMARKS}/shared/evaluate_{{policy}}_{GRADING}.tsv"
    wildcard_constraints:
        policy="base|teacher",
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=grading_recipe_of,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/evaluate.py --problems {input.problems:q} --benchmark {wildcards.benchmark}"
        " --shard {wildcards.shard}"
        " --policy {input.policy:q} --label {wildcards.policy}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule evaluate:
    input:
        problems=f"{SHARED}/problems/{{benchmark}}.parquet",
        policy=graded_policy,
    output:
        f"{ROUND}/evaluate/{GRADES}",
    log:
        f"{ROUND}/logs/evaluate.{GRADING}.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/evaluate.{GRADING}.tsv"
    wildcard_constraints:
        arm=ARM,
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=grading_recipe_of,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/evaluate.py --problems {input.problems:q} --benchmark {wildcards.benchmark}"
        " --shard {wildcards.shard}"
        " --policy {input.policy:q} --label {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule summary:
    input:
        evaluations=lambda wildcards: graded_in(f"{RESULTS}/{wildcards.graded}"),
    output:
        f"{RESULTS}/{{graded}}/summary.md",
    log:
        f"{RESULTS}/{{graded}}/logs/summary.log",
    wildcard_constraints:
        graded=GRADED,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=shared_recipe("summary"),
        absent=" ".join(sorted(ABSENT)),
    shell:
        "python scripts/summary.py --evaluations {input.evaluations:q} --absent {params.absent}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule export:
    input:
        evaluations=lambda wildcards: graded_in(f"{RESULTS}/{wildcards.graded}", [wildcards.sampling]),
        problems=[f"{SHARED}/problems/{benchmark}.parquet" for benchmark in EVALUATED],
        model=model_manifest("student"),
    output:
        results=f"{RESULTS}/{{graded}}/lm_eval/results_{{sampling}}.json",
        samples=[f"{RESULTS}/{{graded}}/lm_eval/samples_{name}_{{sampling}}.jsonl" for name in EVALUATED],
    log:
        f"{RESULTS}/{{graded}}/logs/export.{{sampling}}.log",
    wildcard_constraints:
        graded=GRADED,
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=shared_recipe("export"),
    shell:
        "python scripts/export.py --evaluations {input.evaluations:q} --problems {input.problems:q}"
        " --model {input.model:q} --out {output.results:q} --recipe {params.recipe:q} &> {log:q}"
