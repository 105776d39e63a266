# One round: rollout > verify > score > weigh > update, from the policy of the round before.


rule rollout:
    input:
        prompts=f"{SHARED}/prompts/train.parquet",
        policy=behaviour_policy,
        checked=behaviour_check,
    output:
        f"{ROUND}/rollout/{{shard}}.parquet",
    log:
        f"{ROUND}/logs/rollout.{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/rollout.{{shard}}.tsv"
    conda:
        "../../envs/vllm.yaml"
    params:
        recipe=recipe_of("rollout"),
    shell:
        "python scripts/rollout.py --prompts {input.prompts:q} --policy {input.policy:q} --shard {wildcards.shard}"
        " --variant {wildcards.variant} --seed {wildcards.seed} --round {wildcards.round}"
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
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/verify.{{shard}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("verify"),
    shell:
        "python scripts/verify.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule score:
    input:
        prompts=f"{SHARED}/prompts/train.parquet",
        rollouts=f"{ROUND}/rollout/{{shard}}.parquet",
        verdicts=f"{ROUND}/verify/{{shard}}.parquet",
        scorer=scorer,
        checked=scorer_check,
    output:
        f"{ROUND}/score/{{shard}}.parquet",
    log:
        f"{ROUND}/logs/score.{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/score.{{shard}}.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("score"),
    shell:
        "python scripts/score.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scorer {input.scorer:q}"
        " --variant {wildcards.variant} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule weigh:
    input:
        prompts=f"{SHARED}/prompts/train.parquet",
        rollouts=shards("rollout"),
        verdicts=shards("verify"),
        scores=score_shards,
    output:
        f"{ROUND}/batch.parquet",
    log:
        f"{ROUND}/logs/weigh.log",
    benchmark:
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/weigh.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("weigh"),
    shell:
        "python scripts/weigh.py --prompts {input.prompts:q} --rollouts {input.rollouts:q}"
        " --verdicts {input.verdicts:q} --scores {input.scores:q}"
        " --variant {wildcards.variant} --seed {wildcards.seed} --round {wildcards.round}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule update:
    input:
        batch=f"{ROUND}/batch.parquet",
        policy=policy_before,
        state=state_before,
        teacher=exact_kl_teacher,
    output:
        policy=f"{ROUND}/policy/manifest.json",
        state=f"{ROUND}/state/manifest.json",
        metrics=f"{ROUND}/metrics.parquet",
        live=f"{ROUND}/metrics.jsonl",
    log:
        f"{ROUND}/logs/update.log",
    benchmark:
        f"{BENCHMARKS}/{{variant}}/seed{{seed}}/round{{round}}/update.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("update"),
        state=lambda wildcards, input: flag("state", input.get("state")),
        teacher=lambda wildcards, input: flag("teacher", input.get("teacher")),
    shell:
        "python scripts/update.py --batch {input.batch:q} --policy {input.policy:q} {params.state} {params.teacher}"
        " --variant {wildcards.variant} --seed {wildcards.seed} --round {wildcards.round}"
        " --out-policy {output.policy:q} --out-state {output.state:q} --out-metrics {output.metrics:q}"
        " --recipe {params.recipe:q} &> {log:q}"
