# Prompts of training and of each benchmark, in the student's tokens.


rule prompts:
    input:
        rows=train_rows,
        held_out=sum(held_out().values(), []),
        model=model_manifest("student"),
    output:
        prompts=f"{SHARED}/prompts/train.parquet",
        faults=f"{SHARED}/prompts/train.faults.parquet",
    log:
        f"{SHARED}/logs/prompts.log",
    benchmark:
        f"{BENCHMARKS}/shared/prompts.tsv"
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=lambda wildcards: recipe(with_available_benchmarks(CONFIG), "prompts"),
        rows=lambda wildcards, input: flag("rows", *input.get("rows", [])),
        held_out=lambda wildcards: held_out_flags(),
    shell:
        "python scripts/prompts.py --split train {params.rows} {params.held_out} --model {input.model:q}"
        " --out {output.prompts:q} --faults {output.faults:q} --recipe {params.recipe:q} &> {log:q}"


rule problems:
    input:
        rows=benchmark_rows,
        model=model_manifest("student"),
    output:
        prompts=f"{SHARED}/problems/{{benchmark}}.parquet",
        faults=f"{SHARED}/problems/{{benchmark}}.faults.parquet",
    log:
        f"{SHARED}/logs/problems_{{benchmark}}.log",
    benchmark:
        f"{BENCHMARKS}/shared/problems_{{benchmark}}.tsv"
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        recipe=shared_recipe("problems"),
        rows=lambda wildcards, input: flag("rows", *input.get("rows", [])),
    shell:
        "python scripts/prompts.py --split {wildcards.benchmark} {params.rows} --model {input.model:q}"
        " --out {output.prompts:q} --faults {output.faults:q} --recipe {params.recipe:q} &> {log:q}"
