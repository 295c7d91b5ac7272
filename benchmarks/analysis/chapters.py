"""Do chapters begin where topics do? TinyRec, development part: recordings of work with speech recognition's words.

The number of topics is not told. A boundary counts as found within three utterances of a wanted one, each used once.
Annotators cut at two depths; a figure is the mean of F1 over recordings and both depths. Even spacing and random cuts
have as many boundaries as the product has.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from benchmarks.analysis.data import Recording, data, recordings
from benchmarks.analysis.scores import SEED, boundary_f1, bounds, mean
from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.chapters import chapters
from udib.core.speech import Origin, Segment, Transcript
from udib.memory.static import StaticEmbedder

TOLERANCE = 3
_DRAWS = 300


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    path = data("analysis/chapters/tinyrec-dev.tar.gz")
    if path is None:
        return []
    read = recordings(path)[: sizes.items]
    found = asyncio.run(_cut(read))
    rng = np.random.default_rng(SEED)
    ours = [_f1(one, cuts) for one, cuts in zip(read, found, strict=True)]
    even = [_f1(one, _even(one, len(cuts))) for one, cuts in zip(read, found, strict=True)]
    drawn = [
        mean([_f1(one, _drawn(one, len(cuts), rng)) for _ in range(_DRAWS)])
        for one, cuts in zip(read, found, strict=True)
    ]
    counts = ", ".join(
        f"{len(cuts)} for {'/'.join(str(len(o)) for o in one.openings.values())}"
        for one, cuts in zip(read, found, strict=True)
    )
    against = f"{len(read)} recordings, tolerance {TOLERANCE} utterances; boundaries {counts}"
    return [
        ("chapters_f1", mean(ours), "", f"{bounds(ours)}; {against}"),
        ("chapters_f1_even", mean(even), "", f"as many at even distances; {bounds(even)}"),
        ("chapters_f1_random", mean(drawn), "", f"as many anywhere, mean of {_DRAWS} draws"),
        ("chapters_f1_none", 0.0, "", "one chapter"),
        ("chapters_over_even", mean(ours) / max(mean(even), 1e-9), "ratio", "chapters_f1 / chapters_f1_even"),
        (
            "chapters_false_alarms",
            _wrong(read, found),
            "",
            "share of boundaries that no annotator has, at either depth",
        ),
    ]


def transcript_of(recording: Recording) -> Transcript:
    """An utterance a segment."""
    segments = tuple(Segment(start, end, text, speaker or None) for start, end, speaker, text in recording.utterances)
    return Transcript(segments, Origin.ASR, "tinyrec")


async def _cut(read: Sequence[Recording]) -> list[list[int]]:
    """The utterances that open chapters, without the first."""
    embedder = StaticEmbedder.load()
    return [sorted({each.opening.first for each in await chapters(transcript_of(one), embedder)} - {0}) for one in read]


def _f1(recording: Recording, cuts: Sequence[int]) -> float:
    return mean([boundary_f1(cuts, gold, TOLERANCE) for gold in recording.openings.values()])


def _even(recording: Recording, count: int) -> list[int]:
    return [round(len(recording.utterances) * (at + 1) / (count + 1)) for at in range(count)]


def _drawn(recording: Recording, count: int, rng: np.random.Generator) -> list[int]:
    return sorted(int(at) for at in 1 + rng.choice(len(recording.utterances) - 1, count, replace=False))


def _wrong(read: Sequence[Recording], found: Sequence[Sequence[int]]) -> float:
    near = [
        any(abs(cut - gold) <= TOLERANCE for openings in one.openings.values() for gold in openings)
        for one, cuts in zip(read, found, strict=True)
        for cut in cuts
    ]
    return 1 - mean(near)
