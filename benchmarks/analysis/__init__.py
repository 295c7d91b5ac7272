"""The analyses beside what costs nothing to say: random, first, longest, always, never.

`python -m benchmarks.analysis [PART ...]` tries the parts on a few items and keeps nothing.
"""
