"""`python -m benchmarks.memory [PART ...]`: a trial at about a tenth of the size, printed and not kept."""

import sys

from benchmarks.memory.parts import PARTS, measure
from benchmarks.memory.sizes import TRIAL
from benchmarks.trial import trial

if __name__ == "__main__":
    sys.exit(trial(PARTS, lambda parts: measure(TRIAL, parts)))
