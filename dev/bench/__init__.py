"""Benchmarks of the update step, its head and scoring beside named peers; dev/benchmark.py runs them."""
