"""Benchmarks: `python -m benchmarks SUBJECT` measures, prints a table and writes `benchmarks/results/SUBJECT.json`."""
