"""`python -m benchmarks SUBJECT ...`: run one or more subjects; without arguments, all of them."""

import sys
from collections.abc import Callable

from benchmarks import speech, startup
from benchmarks.analysis import parts as analysis
from benchmarks.engine import parts as engine
from benchmarks.figures import judge, publish
from benchmarks.llm import parts as llm
from benchmarks.memory import parts as memory

Measure = Callable[[], list[tuple[str, float, str, str]]]
SUBJECTS: dict[str, Measure] = {
    "analysis": analysis.measure,
    "engine": engine.measure,
    "llm": llm.measure,
    "memory": memory.measure,
    "speech": speech.measure,
    "startup": startup.measure,
}


def main() -> int:
    """Measure the subjects named; exit code 1 if a figure is short of its target."""
    wanted = sys.argv[1:] or sorted(SUBJECTS)
    unknown = [subject for subject in wanted if subject not in SUBJECTS]
    if unknown:
        print(f"unknown subject {unknown[0]!r}; there are: {', '.join(sorted(SUBJECTS))}", file=sys.stderr)
        return 2
    short = False
    for subject in wanted:
        figures = judge(subject, SUBJECTS[subject]())
        publish(subject, figures, f"make bench ARGS={subject}")
        short = short or not all(figure.ok for figure in figures)
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
