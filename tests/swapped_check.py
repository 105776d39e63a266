"""The check of a teacher whose two backends hold different weights: the second opens another folder.

python tests/swapped_check.py FOLDER OTHER scripts/check_teacher.py --student ...
"""

import runpy
import sys
from pathlib import Path


def main():
    """Run the given script in this process, with vLLM opened on OTHER where it is asked for FOLDER."""
    right, other, script, *arguments = sys.argv[1:]
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent.resolve()))
    from scope import cli
    from scope.rollout import vllm

    opened = vllm.VllmEngine
    vllm.VllmEngine = lambda folder, **options: opened(other if str(folder) == right else folder, **options)
    cli.run(runpy.run_path(script)["main"])


if __name__ == "__main__":
    main()
