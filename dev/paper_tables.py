"""Print Tables 1 and 2 of the paper with an empty column for measured figures: docs/paper_tables.md.

The report of an experiment contains the same tables with its own figures in that column.
"""

import argparse

import library  # noqa: F401
from scope import cli
from scope.report.paper_tables import BLOCKS, table
from scope.report.summary import markdown

INTRODUCTION = """# The paper's tables

Tables 1 and 2 of the paper (arXiv 2604.10688 v2), A@32 / P@32 in percent, with a column for figures measured with this
project. **The column is empty: nobody has run these experiments with it on GPUs yet.** The report of a paper run
(`config/paper_*.yaml`) fills it from evaluations with the settings of the paper's Table 4 (32 samples, T 0.6, top-p
0.95, top-k 20, 32,768 tokens, repetition penalty 1.08 for Qwen3-1.7B and 1.0 otherwise; for Qwen3-1.7B-Base
28,672 tokens count as well, as its context holds no more beside a prompt). P@32 is compared with best@32,
the bootstrap estimate of the authors' code: on the 30 problems of AIME an unbiased pass@32 would be a multiple of 3.3,
which the printed figures are not.
"""


def main() -> None:
    """Print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(INTRODUCTION)
    for block in BLOCKS:
        shown = table(block, {})
        headings = [f"{method}, {whose}" for method in shown["methods"] for whose in ("paper", "here")]
        print(f"## {block.title}\n\n{markdown(['benchmark', *headings], shown['rows'])}\n")


if __name__ == "__main__":
    cli.run(main)
