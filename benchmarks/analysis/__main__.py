"""`python -m benchmarks.analysis [PART ...]`: a trial at about a tenth of the size, printed and not kept."""

import sys

from benchmarks.analysis.parts import PARTS, measure
from benchmarks.analysis.sizes import TRIAL
from benchmarks.trial import trial

if __name__ == "__main__":
    sys.exit(trial(PARTS, lambda parts: measure(TRIAL, parts)))
