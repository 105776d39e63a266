"""Verify every response to prompts of Coins: rollouts of training, or samples on a benchmark."""

from scope import cli
from scope.verify.coins import VERIFIER
from scope.verify.stage import verify_stage


def main() -> None:
    """Verify one file."""
    verify_stage("puzzle", VERIFIER, __doc__)


if __name__ == "__main__":
    cli.run(main)
