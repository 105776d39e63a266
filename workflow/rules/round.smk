# One round: rollout > verify > score > weigh > update, from the policy of the round before. Rollouts that no arm's own
# policy samples (round 1, and every round of KD) are made once for all arms with equal settings, by rules of their own.


rule rollout:
    input:
        unpack(planned(inputs.rollout)),
        prompts=SHARED.prompts,
    output:
        ROUND.shard("rollout", "{shard}"),
    log:
        ROUND.log("rollout.{shard}"),
    benchmark:
        ROUND.timing("rollout.{shard}")
    conda:
        "../../envs/vllm.yaml"
    resources:
        **RESOURCES,
    params:
        recipe=recipe_of("rollout"),
        place=place,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/rollout.py --prompts {input.prompts:q} --policy {input.policy:q} --student {input.student:q}"
        " --shard {wildcards.shard} {params.place} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule rollout as rollout_shared with:
    input:
        unpack(planned(inputs.rollout_shared)),
        prompts=SHARED.prompts,
    output:
        SHARED_ROUND.shard("rollout", "{shard}"),
    log:
        SHARED_ROUND.log("rollout.{shard}"),
    benchmark:
        SHARED_ROUND.timing("rollout.{shard}")
    params:
        recipe=recipe_of("rollout_shared"),
        place=SHARED_PLACE,


rule verify:
    input:
        checked_rows("verify", ROUND.shard("verify", "{shard}")),
        prompts=SHARED.prompts,
        rollouts=ROUND.shard("rollout", "{shard}"),
    output:
        ROUND.shard("verify", "{shard}"),
    log:
        ROUND.log("verify.{shard}"),
    benchmark:
        ROUND.timing("verify.{shard}")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("verify"),
        script=script_of("verify"),
    shell:
        "python scripts/{params.script}.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule verify as verify_shared with:
    input:
        checked_rows("verify_shared", SHARED_ROUND.shard("verify", "{shard}")),
        prompts=SHARED.prompts,
        rollouts=SHARED_ROUND.shard("rollout", "{shard}"),
    output:
        SHARED_ROUND.shard("verify", "{shard}"),
    log:
        SHARED_ROUND.log("verify.{shard}"),
    benchmark:
        SHARED_ROUND.timing("verify.{shard}")
    localrule: True
    params:
        recipe=recipe_of("verify_shared"),
        script=script_of("verify_shared"),


rule score:
    input:
        unpack(planned(inputs.score)),
        prompts=SHARED.prompts,
        rollouts=ROUND.shard("rollout", "{shard}"),
        verdicts=ROUND.shard("verify", "{shard}"),
    output:
        ROUND.shard("score", "{shard}"),
    log:
        ROUND.log("score.{shard}"),
    benchmark:
        ROUND.timing("score.{shard}")
    conda:
        "../../envs/train.yaml"
    resources:
        **RESOURCES,
    params:
        recipe=recipe_of("score"),
        place=place,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/score.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scorer {input.scorer:q}"
        " {params.place} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule score as score_shared with:
    input:
        unpack(planned(inputs.score_shared)),
        prompts=SHARED.prompts,
        rollouts=SHARED_ROUND.shard("rollout", "{shard}"),
        verdicts=SHARED_ROUND.shard("verify", "{shard}"),
    output:
        SHARED_ROUND.shard("{scores}", "{shard}"),
    log:
        SHARED_ROUND.log("{scores}.{shard}"),
    benchmark:
        SHARED_ROUND.timing("{scores}.{shard}")
    params:
        recipe=recipe_of("score_shared"),
        place=SHARED_PLACE,


rule weigh:
    input:
        unpack(planned(inputs.weigh)),
        prompts=SHARED.prompts,
    output:
        ROUND.batch,
    log:
        ROUND.log("weigh"),
    benchmark:
        ROUND.timing("weigh")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("weigh"),
        place=PLACE,
    shell:
        "python scripts/weigh.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scores {input.scores:q}"
        " {params.place} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule update:
    input:
        unpack(planned(inputs.update)),
        batch=ROUND.batch,
        repeats=[],
    output:
        policy=ROUND.policy,
        state=ROUND.state,
        metrics=ROUND.metrics,
        live=ROUND.live,
    log:
        ROUND.log("update"),
    benchmark:
        ROUND.timing("update")
    conda:
        "../../envs/train.yaml"
    resources:
        **RESOURCES,
    params:
        recipe=recipe_of("update"),
        place=place,
        execution=execution,
        costs=ROUND.step_costs,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/update.py --batch {input.batch:q} --policy {input.policy:q}"
        " --base {input.base:q} --state {input.state:q} --teacher {input.teacher:q}"
        " --repeats {input.repeats:q} {params.place}"
        " --execution {params.execution:q}"
        " --out-policy {output.policy:q} --out-state {output.state:q} --out-metrics {output.metrics:q}"
        " --out-costs {params.costs:q} --out-live {output.live:q}"
        " --recipe $RECIPES/{params.recipe}.json &> {log:q}"
