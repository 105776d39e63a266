# The models: made for the embedded world, fine-tuned, or used from folders; and the teacher's checks.


rule tokenizer:
    output:
        SHARED.tokenizer,
    log:
        SHARED.log("tokenizer"),
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("tokenizer"),
        rows=rows_of(inputs.tokenizer),
    shell:
        "python scripts/tokenizer.py {params.rows} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule model:
    input:
        tokenizer=planned(inputs.model_tokenizer, stopped),
    output:
        SHARED.model("{model}"),
    log:
        SHARED.log("model_{model}"),
    benchmark:
        SHARED.timing("model_{model}")
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("model"),
        script=script_of("model"),
        source=lambda wildcards, input: flag("tokenizer", input.tokenizer)
        or flag("folder", MODEL_FOLDERS[wildcards.model]),
        rows=rows_of(inputs.solutions),
    shell:
        "python scripts/{params.script}.py --name {wildcards.model} {params.source} {params.rows}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule check_teacher:
    input:
        student=SHARED.model("student"),
        teacher=SHARED.model("teacher"),
        prompts=SHARED.prompts,
    output:
        SHARED.check("{check}"),
    log:
        SHARED.log("{check}"),
    benchmark:
        SHARED.timing("{check}")
    wildcard_constraints:
        check=r"check_teacher(_[0-9a-f]{10})?",
    priority: 100
    conda:
        "../../envs/vllm.yaml"
    resources:
        **RESOURCES,
    params:
        recipe=recipe_of("check_teacher"),
    shell:
        "stage {resources.nodes} {threads} {resources.gpu} {resources.mem_mb} "
        "python scripts/check_teacher.py --student {input.student:q} --teacher {input.teacher:q}"
        " --prompts {input.prompts:q} --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"
