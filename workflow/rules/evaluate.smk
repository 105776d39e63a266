# Evaluation: the base policy and the teacher once per experiment, each arm's policy by round. On demand, of one policy:
# its accuracy on all available benchmarks, and its samples as lm-evaluation-harness logs them.


rule evaluate:
    input:
        problems=SHARED.problems("{benchmark}"),
        policy=planned(restore.evaluated_policy),
    output:
        evaluation_file(ROUND.evaluations, "{benchmark}", "{sampling}", "{shard}"),
    log:
        ROUND.log("evaluate.{benchmark}.{sampling}.{shard}"),
    benchmark:
        ROUND.timing("evaluate.{benchmark}.{sampling}.{shard}")
    conda:
        "../../envs/vllm.yaml"
    resources:
        **RESOURCES,
    params:
        recipe=recipe_of("evaluate"),
        place="--label {arm} --seed {seed} --round {round}",
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/evaluate.py --problems {input.problems:q} --benchmark {wildcards.benchmark}"
        " --shard {wildcards.shard} --policy {input.policy:q} {params.place}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule evaluate as evaluate_shared with:
    input:
        problems=SHARED.problems("{benchmark}"),
        policy=planned(inputs.evaluated_model),
    output:
        evaluation_file(SHARED.evaluations("{policy}"), "{benchmark}", "{sampling}", "{shard}"),
    log:
        SHARED.log("evaluate_{policy}_{benchmark}.{sampling}.{shard}"),
    benchmark:
        SHARED.timing("evaluate_{policy}_{benchmark}.{sampling}.{shard}")
    params:
        recipe=recipe_of("evaluate_shared"),
        place="--label {policy}",


rule summary:
    input:
        evaluations=planned(targets.summary_inputs),
    output:
        LAYOUT.below("{evaluated}", "summary.md"),
    log:
        LAYOUT.below("{evaluated}", "logs/summary.log"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("summary"),
        absent=SKIPPED,
    shell:
        "python scripts/summary.py --evaluations {input.evaluations:q} --absent {params.absent}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule export:
    input:
        evaluations=planned(targets.export_inputs),
        problems=targets.problems(PLAN),
        model=SHARED.model("student"),
    output:
        results=LAYOUT.below("{evaluated}", "lm_eval/results_{sampling}.json"),
        samples=[
            LAYOUT.below("{evaluated}", f"lm_eval/samples_{name}_{{sampling}}.jsonl") for name in PLAN.benchmarks.names
        ],
    log:
        LAYOUT.below("{evaluated}", "logs/export.{sampling}.log"),
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("export"),
    shell:
        "python scripts/export.py --evaluations {input.evaluations:q} --problems {input.problems:q}"
        " --model {input.model:q} --out {output.results:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"
