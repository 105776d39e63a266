"""Messages of each start of vLLM that mean nothing here: they come of our settings, or of a machine without GPU."""

import logging
import os
import warnings

EXPECTED = {
    "vllm.engine.arg_utils": [
        "The global random seed is set to",  # each request has its own
        "does not officially support disabling chunked prefill",  # rollout/vllm.py has the reason
    ],
    "vllm.config.vllm": ["Enforce eager set", "Inductor compilation was disabled", "Model Runner V2 requires Triton"],
    "vllm.platforms.cpu": ["Triton is not installed", "Reset SSM cache type"],
    "vllm.v1.worker.cpu_worker": ["is not found in LD_PRELOAD", "doesn't allow to use `torch.set_num_threads`"],
    "torch._library.triton": ["Triton not available"],
}
"""Parts of messages by logger; all but the first two come on CPUs alone."""


def hide_expected() -> None:
    """Leave out EXPECTED and what is no warning, before vLLM is imported; all other warnings stay in the log."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("FLASHINFER_LOGGING_LEVEL", "WARNING")
    warnings.filterwarnings("ignore", "`torch.distributed.reduce_op` is deprecated", FutureWarning)
    for name in EXPECTED:
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not any(part in record.getMessage() for part in EXPECTED[record.name])
