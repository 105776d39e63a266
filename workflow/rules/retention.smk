# What is deleted when a round is over, and what brings a deleted policy back.


rule retire:
    input:
        unpack(planned(restore.retire_inputs)),
        batch=ROUND.batch,
    output:
        ROUND.retired,
    log:
        ROUND.log("retire"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        recipe=recipe_of("retire"),
        started_from=started_from,
    shell:
        "python scripts/retire.py --round {wildcards.round} --batch {input.batch:q}"
        " --evaluations {input.evaluations:q} --started-from {params.started_from}"
        " --out {output:q} --recipe $RECIPES/{params.recipe}.json &> {log:q}"


# Its outputs are no temp(directory(...)): in a small stand-in for these rules, with stub commands, this planned
# evaluations again when a policy that they had graded was restored by name, because Snakemake compares a manifest by
# checksum, a directory by time. So the Snakefile removes restored policies when a run has ended well.
use rule update as restore with:
    input:
        unpack(planned(restore.restore_inputs)),
        batch=ROUND.batch,
        repeats=ROUND.policy,
    output:
        policy=ROUND.restored.policy,
        state=ROUND.restored.state,
        metrics=ROUND.restored.metrics,
        live=ROUND.restored.live,
    log:
        ROUND.log("restore"),
    benchmark:
        ROUND.timing("restore")
    params:
        recipe=recipe_of("restore"),
        place=place,
        execution=execution,
        costs="",
