"""The parts of the subject `analysis`, in the order in which they run."""

from collections.abc import Callable, Sequence

from benchmarks.analysis import (
    answers,
    calibration,
    chapters,
    checkworthy,
    contradictions,
    example,
    example_llm,
    fallacies,
    keypoints,
    quotes,
    speed,
)
from benchmarks.analysis.sizes import FULL, Measured, Sizes

PARTS: dict[str, Callable[[Sizes], Measured]] = {
    "checkworthy": checkworthy.measure,
    "calibration": calibration.measure,
    "keypoints": keypoints.measure,
    "chapters": chapters.measure,
    "answers": answers.measure,
    "quotes": quotes.measure,
    "fallacies": fallacies.measure,
    "contradictions": contradictions.measure,
    "example": example.measure,
    "example_llm": example_llm.measure,
    "speed": speed.measure,
}


def measure(sizes: Sizes = FULL, parts: Sequence[str] = tuple(PARTS)) -> Measured:
    """All figures of the parts named."""
    return [figure for part in parts for figure in PARTS[part](sizes)]
