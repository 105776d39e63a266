# The models: made from nothing in the embedded world, or taken up from folders; and the teacher's checks.


rule tokenizer:
    input:
        rows=lambda wildcards: train_rows(wildcards) if CONFIG.models.tokenizer.kind == "bpe" else [],
    output:
        f"{SHARED}/tokenizer/manifest.json",
    log:
        f"{SHARED}/logs/tokenizer.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=shared_recipe("tokenizer"),
        rows=lambda wildcards, input: flag("rows", *input.get("rows", [])),
    shell:
        "python scripts/tokenizer.py {params.rows} --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule model:
    input:
        tokenizer=model_tokenizer,
    output:
        f"{SHARED}/models/{{model}}/manifest.json",
    log:
        f"{SHARED}/logs/model_{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/shared/model_{{model}}.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        recipe=shared_recipe("model"),
        source=lambda wildcards, input: flag("tokenizer", input.tokenizer)
        or flag("folder", MODEL_FOLDERS[wildcards.model]),
    shell:
        "python scripts/model.py --name {wildcards.model} {params.source}"
        " --out {output:q} --recipe {params.recipe:q} &> {log:q}"


rule check_teacher:
    input:
        student=model_manifest("student"),
        teacher=model_manifest("teacher"),
        prompts=f"{SHARED}/prompts/train.parquet",
    output:
        f"{SHARED}/{{check}}.parquet",
    log:
        f"{SHARED}/logs/{{check}}.log",
    benchmark:
        f"{BENCHMARKS}/shared/{{check}}.tsv"
    wildcard_constraints:
        check=r"check_teacher(_[0-9a-f]{10})?",
    priority: 100
    conda:
        "../../envs/vllm.yaml"
    resources:
        **STAGE,
    params:
        recipe=recipe_of_check,
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/check_teacher.py --student {input.student:q} --teacher {input.teacher:q}"
        " --prompts {input.prompts:q} --out {output:q} --recipe {params.recipe:q} &> {log:q}"
