# Rows of problems are checked, and become prompts of training and of each benchmark, in the student's tokens.
#
# The files of rows are no inputs: where they lie does not matter, and a recipe has the digest of their content.
# What a check finds decides which prompts stay: its content, not the code that found it. The stages `prompts` and
# `problems` ignore the time of the file (`ancient`) and have its digest as a parameter. As a check is a checkpoint, jobs
# are planned again when it is done: with the same content nothing else runs. Generated rows need no check.


checkpoint check_rows:
    output:
        found=SHARED.found_in_training,
        record=record_file(SHARED.found_in_training),
    log:
        SHARED.log("check_rows"),
    benchmark:
        SHARED.timing("check_rows")
    priority: 1  # a wrong row is found before models are made
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("check_rows"),
        rows=rows_of(inputs.prompts),
        held_out=lambda wildcards, output: held_out_flags(HELD_OUT),
    shell:
        "python scripts/check_rows.py --split train {params.rows} {params.held_out}"
        " --out {output.found:q} --record {output.record:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


checkpoint check_problems:
    output:
        found=SHARED.found_in("{benchmark}"),
        record=record_file(SHARED.found_in("{benchmark}")),
    log:
        SHARED.log("check_problems_{benchmark}"),
    benchmark:
        SHARED.timing("check_problems_{benchmark}")
    priority: 1
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("check_problems"),
        rows=rows_of(inputs.problems),
    shell:
        "python scripts/check_rows.py --split {wildcards.benchmark} {params.rows}"
        " --out {output.found:q} --record {output.record:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


rule prompts:
    input:
        checked_rows("prompts", SHARED.prompts),
        model=SHARED.model("student"),
    output:
        prompts=SHARED.prompts,
        issues=issues_file(SHARED.prompts),
    log:
        SHARED.log("prompts"),
    benchmark:
        SHARED.timing("prompts")
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=recipe_of("prompts"),
        split="train",
        found=digest_of_found,
        rows=rows_of(inputs.prompts),
        needed=lambda wildcards, input: flag("at-least", str(sources.prompts_per_round(PLAN.arms))),
    shell:
        "python scripts/prompts.py --split {params.split} {params.rows} {params.needed} --model {input.model:q}"
        " --out {output.prompts:q} --issues {output.issues:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


use rule prompts as problems with:
    input:
        checked_rows("problems", SHARED.problems("{benchmark}")),
        model=SHARED.model("student"),
    output:
        prompts=SHARED.problems("{benchmark}"),
        issues=issues_file(SHARED.problems("{benchmark}")),
    log:
        SHARED.log("problems_{benchmark}"),
    benchmark:
        SHARED.timing("problems_{benchmark}")
    localrule: True
    params:
        recipe=recipe_of("problems"),
        split="{benchmark}",
        found=digest_of_found,
        rows=rows_of(inputs.problems),
        needed="",
