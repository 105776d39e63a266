"""Of the messages of a start of vLLM, the log has those that mean something."""

import subprocess
import sys

from conftest import ROOT

PROGRAM = """
import logging, sys, warnings
sys.path.insert(0, "scripts")
from scope.rollout.vllm_messages import hide_expected
hide_expected()
logging.basicConfig(format="%(message)s")
log = logging.getLogger("vllm.engine.arg_utils")
log.warning("The global random seed is set to %d. Since ...", 0)
log.warning("max_model_len exceeds what the model was trained for")
logging.getLogger("vllm.v1.worker.gpu_worker").warning("Enforce eager set")
warnings.warn("`torch.distributed.reduce_op` is deprecated, please use ...", FutureWarning)
warnings.warn("something else is deprecated", FutureWarning)
"""


def test_expected_warnings_are_left_out_and_others_stay():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    shown = [line for line in done.stderr.splitlines() if not line.startswith(" ")]
    assert shown[:2] == ["max_model_len exceeds what the model was trained for", "Enforce eager set"]
    assert shown[2].endswith("FutureWarning: something else is deprecated")
    assert len(shown) == 3
