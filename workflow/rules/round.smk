# One round: rollout > verify > score > weigh > update, from the policy of the round before.
# Rollouts, verdicts and scores lie in an arm's folder, or in a shared one (round 1, and every round of KD).


rule rollout:
    input:
        unpack(rollout_inputs),
        prompts=f"{SHARED}/prompts/train.parquet",
    output:
        f"{ROUND}/rollout/{{shard}}.parquet",
    log:
        f"{ROUND}/logs/rollout.{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/rollout.{{shard}}.tsv"
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of("rollout"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/rollout.py --prompts {input.prompts:q} --policy {input.policy:q} --shard {wildcards.shard}"
        " --arm {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule verify:
    input:
        prompts=f"{SHARED}/prompts/train.parquet",
        rollouts=f"{ROUND}/rollout/{{shard}}.parquet",
    output:
        f"{ROUND}/verify/{{shard}}.parquet",
    log:
        f"{ROUND}/logs/verify.{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/verify.{{shard}}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("verify"),
    shell:
        "python scripts/verify.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule score:
    input:
        unpack(score_inputs),
        prompts=f"{SHARED}/prompts/train.parquet",
        rollouts=f"{ROUND}/rollout/{{shard}}.parquet",
        verdicts=f"{ROUND}/verify/{{shard}}.parquet",
    output:
        f"{ROUND}/{{scores}}/{{shard}}.parquet",
    log:
        f"{ROUND}/logs/{{scores}}.{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/{{scores}}.{{shard}}.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of("score"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/score.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scorer {input.scorer:q}"
        " --arm {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule weigh:
    input:
        unpack(weigh_inputs),
        prompts=f"{SHARED}/prompts/train.parquet",
    output:
        f"{ROUND}/batch.parquet",
    log:
        f"{ROUND}/logs/weigh.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/weigh.tsv"
    wildcard_constraints:
        arm=ARM,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("weigh"),
    shell:
        "python scripts/weigh.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scores {input.scores:q}"
        " --arm {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule update:
    input:
        unpack(update_inputs),
        batch=f"{ROUND}/batch.parquet",
    output:
        policy=f"{ROUND}/policy/manifest.json",
        state=f"{ROUND}/state/manifest.json",
        metrics=f"{ROUND}/metrics.parquet",
        live=f"{ROUND}/metrics.jsonl",
    log:
        f"{ROUND}/logs/update.log",
    benchmark:
        f"{BENCHMARKS}/{{arm}}/seed{{seed}}/round{{round}}/update.tsv"
    wildcard_constraints:
        arm=ARM,
    conda:
        "../../envs/train.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of("update"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/update.py --batch {input.batch:q} --policy {input.policy:q}"
        " --state {input.state:q} --teacher {input.teacher:q}"
        " --arm {wildcards.arm} --seed {wildcards.seed} --round {wildcards.round}"
        " --out-policy {output.policy:q} --out-state {output.state:q} --out-metrics {output.metrics:q}"
        " --recipe {params.recipe:q} &> {log:q}"
