# Evaluation: samples, then verdicts on them by the rule `verify`; of the base policy and the teacher once per experiment,
# of each arm's policy by round. On demand, of one policy: its accuracy on all available benchmarks, and its samples as
# lm-evaluation-harness logs them.


rule evaluate:
    input:
        checked_rows("evaluate", samples_file(ROUND.evaluations, *ONE_SHARD)),
        problems=SHARED.problems("{benchmark}"),
        policy=planned(restore.evaluated_policy),
    output:
        samples_file(ROUND.evaluations, *ONE_SHARD),
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
        " --sampling {wildcards.sampling} --shard {wildcards.shard} --policy {input.policy:q} {params.place}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule evaluate as evaluate_shared with:
    input:
        checked_rows("evaluate_shared", samples_file(SHARED.evaluations("{policy}"), *ONE_SHARD)),
        problems=SHARED.problems("{benchmark}"),
        policy=planned(inputs.evaluated_model),
    output:
        samples_file(SHARED.evaluations("{policy}"), *ONE_SHARD),
    log:
        SHARED.log("evaluate_{policy}_{benchmark}.{sampling}.{shard}"),
    benchmark:
        SHARED.timing("evaluate_{policy}_{benchmark}.{sampling}.{shard}")
    params:
        recipe=recipe_of("evaluate_shared"),
        place="--label {policy}",


use rule verify as grade with:
    input:
        checked_rows("grade", evaluation_file(ROUND.evaluations, *ONE_SHARD)),
        prompts=SHARED.problems("{benchmark}"),
        rollouts=samples_file(ROUND.evaluations, *ONE_SHARD),
    output:
        evaluation_file(ROUND.evaluations, *ONE_SHARD),
    log:
        ROUND.log("grade.{benchmark}.{sampling}.{shard}"),
    benchmark:
        ROUND.timing("grade.{benchmark}.{sampling}.{shard}")
    localrule: True
    params:
        recipe=recipe_of("grade"),
        script=script_of("grade"),


use rule grade as grade_shared with:
    input:
        checked_rows("grade_shared", evaluation_file(SHARED.evaluations("{policy}"), *ONE_SHARD)),
        prompts=SHARED.problems("{benchmark}"),
        rollouts=samples_file(SHARED.evaluations("{policy}"), *ONE_SHARD),
    output:
        evaluation_file(SHARED.evaluations("{policy}"), *ONE_SHARD),
    log:
        SHARED.log("grade_{policy}_{benchmark}.{sampling}.{shard}"),
    benchmark:
        SHARED.timing("grade_{policy}_{benchmark}.{sampling}.{shard}")
    localrule: True
    params:
        recipe=recipe_of("grade_shared"),
        script=script_of("grade_shared"),


rule summary:
    input:
        evaluations=planned(targets.summary_inputs),
    output:
        EVALUATIONS.summary,
    log:
        EVALUATIONS.log("summary"),
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
        unpack(planned(targets.export_inputs)),
        problems=targets.problems(PLAN),
        model=SHARED.model("student"),
    output:
        results=EVALUATIONS.lm_eval_results("{sampling}"),
        samples=[EVALUATIONS.lm_eval_samples(name, "{sampling}") for name in PLAN.benchmarks.names],
    log:
        EVALUATIONS.log("export.{sampling}"),
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("export"),
    shell:
        "python scripts/export.py --evaluations {input.evaluations:q} --samples {input.samples:q}"
        " --problems {input.problems:q} --model {input.model:q} --out-samples {output.samples:q}"
        " --out {output.results:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"
