"""Whether a transcript is English: the rules of this room are."""

from itertools import chain, islice
from typing import Final

from udib.analysis.text import word_set
from udib.core.speech import Transcript

SAMPLED_WORDS: Final = 3000
FEWEST_WORDS: Final = 20
_SAMPLED: Final = 10_000  # letters
_LATIN_END: Final = "\u0250"
LEAST_SHARE: Final = 0.2  # English speech has 0.35 to 0.6, German and Romance languages below 0.1

_FUNCTION_WORDS: Final = word_set(
    """a in the of and to
    that it is was for on are as with his they at be this have from or had by but what were we when
    your there can an which their if will how about then them these would like him has more two could no my than
    been who its now did get you he she i not do so just because our out up don't it's that's i'm"""
)


def is_english(transcript: Transcript) -> bool:
    """Whether enough words are English function words.

    A transcript of a few words is what its source says it is; where it says nothing, Latin letters are enough to try.
    """
    if not _is_latin(transcript):
        return False
    words = list(islice(chain.from_iterable(segment.text.split() for segment in transcript.segments), SAMPLED_WORDS))
    if len(words) < FEWEST_WORDS:
        return transcript.language.casefold().startswith(("en", "und"))
    plain = (word.casefold().strip(".,;:!?\"'()[]\u201c\u201d").replace("\u2019", "'") for word in words)
    return sum(word in _FUNCTION_WORDS for word in plain) >= LEAST_SHARE * len(words)


def language_of(transcript: Transcript) -> str:
    """English ("en") by its words, else what the source says, "und" where it says English of words that are not.

    A few words prove nothing: of them it is what the source says.
    """
    says_english = transcript.language.casefold().startswith("en")
    if not is_english(transcript):
        return "und" if says_english else transcript.language
    return "en" if says_english or transcript.word_count >= FEWEST_WORDS else "und"


def _is_latin(transcript: Transcript) -> bool:
    """Whether most letters are Latin. Scripts without spaces have few words, however long the text is."""
    letters = islice((char for segment in transcript.segments for char in segment.text if char.isalpha()), _SAMPLED)
    latin = [char < _LATIN_END for char in letters]
    return sum(latin) * 2 >= len(latin)
