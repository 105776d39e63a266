# Prompts of training and of each benchmark, in the student's tokens.


rule prompts:
    input:
        rows=planned(inputs.prompts),
        held_out=sum(HELD_OUT.values(), []),
        model=SHARED.model("student"),
    output:
        prompts=SHARED.prompts,
        faults=issues_file(SHARED.prompts),
    log:
        SHARED.log("prompts"),
    benchmark:
        SHARED.timing("prompts")
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("prompts"),
        rows=lambda wildcards, input: flag("rows", *input.get("rows", [])),
        held_out=lambda wildcards: held_out_flags(HELD_OUT),
    shell:
        "python scripts/prompts.py --split train {params.rows} {params.held_out} --model {input.model:q}"
        " --out {output.prompts:q} --faults {output.faults:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule problems:
    input:
        rows=planned(inputs.problems),
        model=SHARED.model("student"),
    output:
        prompts=SHARED.problems("{benchmark}"),
        faults=issues_file(SHARED.problems("{benchmark}")),
    log:
        SHARED.log("problems_{benchmark}"),
    benchmark:
        SHARED.timing("problems_{benchmark}")
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("problems"),
        rows=lambda wildcards, input: flag("rows", *input.get("rows", [])),
    shell:
        "python scripts/prompts.py --split {wildcards.benchmark} {params.rows} --model {input.model:q}"
        " --out {output.prompts:q} --faults {output.faults:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"
