"""Update the policy: the optimizer steps of one round on its batch, with DeepSpeed.

Run it plainly: with update.ranks above 1 it starts torchrun itself, and under srun it takes SLURM's ranks.
"""

import sys
from pathlib import Path

from scope import artifacts, cli, folders, launch
from scope.provenance import read_recipe


def main() -> None:
    """Parse, load, step, save; rank 0 writes."""
    parser = cli.parser("update", __doc__)
    cli.add_place(parser)
    parser.add_argument("--batch", required=True, metavar="PARQUET")
    parser.add_argument("--policy", required=True, metavar="MANIFEST", help="policy of the round before")
    parser.add_argument("--state", metavar="MANIFEST", help="optimizer state of the round before; none in round 1")
    parser.add_argument("--teacher", metavar="MANIFEST", help="teacher, for the exact KL")
    parser.add_argument("--out-policy", required=True, metavar="MANIFEST")
    parser.add_argument("--out-state", required=True, metavar="MANIFEST")
    parser.add_argument("--out-metrics", required=True, metavar="PARQUET")
    args = parser.parse_args()

    settings = read_recipe(args.recipe)
    launch.relaunch(settings.update.ranks)
    rank = launch.join_ranks(settings.update.ranks)

    import torch.distributed as dist

    from scope.models import load_model, load_tokenizer
    from scope.trainer import Trainer
    from scope.update import loss_settings, run_and_log

    losses = loss_settings(settings, artifacts.metadata(args.batch)["losses"])
    if losses.kl == "full" and not args.teacher:
        raise artifacts.InputError("objective.kl full needs the teacher's distribution: give --teacher")
    dtype = settings.models.dtype
    folder = folders.open_folder(args.policy)
    teacher = load_model(folders.open_folder(args.teacher), dtype) if losses.kl == "full" else None
    trainer = Trainer(load_model(folder, dtype), settings.update, dtype, losses, teacher)
    if args.state:
        trainer.load_state(folders.open_folder(args.state))
    inputs = [path for path in (args.batch, args.policy, args.state, args.teacher) if path]
    metrics = run_and_log(trainer, args, settings)
    out_policy, out_state = (
        (folders.fresh(m) if rank == 0 else Path(m).parent) for m in (args.out_policy, args.out_state)
    )
    dist.barrier()
    trainer.save_policy(out_policy)
    trainer.save_state(out_state)
    if rank == 0:
        load_tokenizer(folder).save_pretrained(out_policy)
        folders.seal(args.out_state, recipe=args.recipe, inputs=inputs)
        folders.seal(args.out_policy, recipe=args.recipe, inputs=inputs)
        artifacts.write(
            args.out_metrics, "metrics", metrics, recipe=args.recipe, inputs=inputs, variant=args.variant,
            seed=args.seed, round=args.round)  # fmt: skip
    dist.barrier()
    print(f"update: rank {rank} done", file=sys.stderr)
    dist.destroy_process_group()


if __name__ == "__main__":
    cli.run(main)
