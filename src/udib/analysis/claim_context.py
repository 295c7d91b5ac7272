"""What stands around a sentence makes it more or less worth checking: its neighbours, who says it, who denies it."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from udib.analysis.sentences import Sentence
from udib.analysis.text import plain

DISPUTED: Final = "disputed"
"""The reason of what the next speaker denies at once."""

_NEIGHBOURS: Final = 2
_NEIGHBOUR_WEIGHT: Final = 0.15
_MOST: Final = 3.0
_DISPUTED_WEIGHT: Final = 0.6
_DISPUTED_SENTENCES: Final = 2
_ASKER_WEIGHT: Final = 0.6
_ASKS_FROM: Final = 0.25
"""Share of questions among a speaker's sentences from which he leads the talk; what he says is to be answered."""
_FEWEST_SAID: Final = 8

_DENIAL = re.compile(
    r"^(?:(?:well|no|look|oh|but|and|excuse me),? )*(?:wrong\b|not true"
    r"|(?:that|it)(?:'s| is| was|'s just| is just| is simply| is absolutely)? (?:wrong|false|untrue|incorrect|a lie)\b"
    r"|(?:that|it)(?:'s| is| was|'s just| is just| is simply| is absolutely)? not (?:true|right|correct|accurate|so"
    r"|what i)\b|that (?:isn't|wasn't) (?:true|right|what i)|false\b|nonsense\b"
    r"|i (?:did not|didn't|never) (?:say|said|do|did)\b)"
)


def in_context(sentences: Sequence[Sentence], worth: Sequence[float]) -> list[tuple[float, bool]]:
    """What to add to the worth of each sentence, and whether the next speaker denies it.

    Args:
        sentences: Of a transcript, in order.
        worth: Of each by itself, in the units of the weights of claims.
    """
    askers = _askers(sentences)
    turns = [list(turn) for _, turn in groupby(range(len(sentences)), key=lambda at: sentences[at].turn)]
    found = [(0.0, False)] * len(sentences)
    for number, turn in enumerate(turns):
        answer = sentences[turns[number + 1][0]].text if number + 1 < len(turns) else ""
        denied = bool(_DENIAL.search(plain(answer)))
        for place, at in enumerate(turn):
            near = [*turn[max(place - _NEIGHBOURS, 0) : place], *turn[place + 1 : place + 1 + _NEIGHBOURS]]
            added = _NEIGHBOUR_WEIGHT * _mean([worth[one] for one in near])
            added -= _ASKER_WEIGHT * (sentences[at].quote.speaker in askers)
            disputed = denied and place >= len(turn) - _DISPUTED_SENTENCES
            found[at] = added + _DISPUTED_WEIGHT * disputed, disputed
    return found


def _askers(sentences: Sequence[Sentence]) -> set[str]:
    """The speakers who mostly ask, as a moderator does; nobody where all do."""
    said: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for sentence in sentences:
        speaker = sentence.quote.speaker
        if speaker is not None:
            said[speaker] += 1
            asked[speaker] += sentence.text.endswith("?")
    found = {one for one in said if said[one] >= _FEWEST_SAID and asked[one] >= _ASKS_FROM * said[one]}
    return found if len(found) < len(said) else set()


def _mean(values: Sequence[float]) -> float:
    return sum(min(max(value, -_MOST), _MOST) for value in values) / len(values) if values else 0.0
