"""Records of made-up speech, no two alike."""

import random

from benchmarks.startup import sentences
from udib.core.types import ContentId, MemoryRecord, RecordKind

_SUBJECTS = ("rent", "water", "buses", "schools", "parks", "energy", "housing", "roads", "health", "noise")


def records(count: int, *, content: str) -> list[MemoryRecord]:
    """Transcript records of about 200 characters, by two speakers in turn."""
    rng = random.Random(content)
    said = sentences()
    made = []
    for number in range(count):
        text = " ".join(rng.choice(said) for _ in range(3)).replace("rent", _SUBJECTS[number // 50 % len(_SUBJECTS)])
        made.append(
            MemoryRecord(
                kind=RecordKind.TRANSCRIPT,
                content_id=ContentId(content),
                number=number,
                text=f"{text[:180]} item {content} {number}.",
                start_s=5.0 * number,
                end_s=5.0 * number + 5,
                title="A talk",
                link=f"file:///{content}?t={5 * number}",
                speaker=("Maya", "Daniel")[number % 2],
            )
        )
    return made
