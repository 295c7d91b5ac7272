"""The memory: beside peers and the plan's ways, at 100,000 points, on the event loop, and whether it finds the answer.

`python -m benchmarks.memory [PART ...]` tries the parts at about a tenth of the size and keeps nothing.
"""
