"""SCOPE: signal-calibrated on-policy distillation (arXiv 2604.10688), as a library without Snakemake in it."""
