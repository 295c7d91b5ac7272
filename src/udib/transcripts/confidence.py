"""How sure recognisers are of a word, each on its own scale, and from where on that makes the word doubtful."""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from udib.core.speech import Word


class Scale(StrEnum):
    """Whose figure it is, and what it says."""

    POCKETSPHINX = "pocketsphinx"
    """The posterior probability of the word among all that its lattice holds at that place."""
    YOUTUBE = "youtube"
    """`acAsrConf` of json3, which is 0 to 255, over 255. 0 says nothing: most tracks of today have it everywhere."""
    WHISPER = "whisper"
    """`probability` of a word in the JSON of Whisper and its kin: the mean over its tokens."""


DOUBTFUL_BELOW: Final = {Scale.POCKETSPHINX: 0.5, Scale.YOUTUBE: 0.5, Scale.WHISPER: 0.5}
"""Confidence below which a word counts as not heard clearly.

That of pocketsphinx was chosen on the recordings of `make bench ARGS=speech` (`doubtful_words_precision`, `_recall`).
For the other two no recordings with references are at hand: it is where the recogniser itself holds the word for more
likely wrong than right.
"""

_ROUNDED: Final = 1.001  # pocketsphinx rounds in the logarithm, and gives 1.0001


def heard(word: Word, confidence: float | None, scale: Scale) -> Word:
    """The word with how sure its recogniser is of it; None, or no share, says nothing."""
    if confidence is None or not 0 <= confidence <= _ROUNDED:
        return word
    sure = round(min(confidence, 1.0), 3)
    return replace(word, confidence=sure, doubtful=sure < DOUBTFUL_BELOW[scale])
