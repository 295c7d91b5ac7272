"""The checks that everything a model writes or names has to pass, in one place, and the account of what did not.

In this order, each at the end of those before it: the numbers exist, the words stand where they are said to stand, the
speaker is the right one, the source is one that was shown, the text is plain and says no figure, name or negation that
is not there. What fails is dropped, never mended by guess.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from udib.analysis.text import is_negation, tokens
from udib.core.founding import figures_in, stems
from udib.core.judging import Dropped, Gate
from udib.core.speech import Quote, Transcript

UNKNOWN_NUMBER: Final = "unknown_number"
"""It names something that was not shown."""
NOT_SAID: Final = "not_said"
"""The words do not stand where they should."""
NOT_BORNE_OUT: Final = "not_borne_out"
"""What it cites does not say so."""
WRONG_NAME: Final = "wrong_name"
OTHER_SPEAKER: Final = "other_speaker"
NOT_PLAIN: Final = "not_plain_text"
TOO_MANY: Final = "too_many"
NO_EXCERPT: Final = "no_excerpt"
OFF_SUBJECT: Final = "off_the_subject"

_MARKUP: Final = re.compile(
    r"[<>\[\]{}|\\`*_#~@]|://|\bwww\.|[\w-]\.[^\W\d_]{2,}|^(?:[-+\u2022]|\d+[.)])\s", re.IGNORECASE
)
"""What makes a link, a mention, a list or other markup in any of the places where a report is shown."""
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
"""Invisible, and needed by several scripts."""
_INSIDE: Final = re.compile(r"(?<=[\w,;:)%] )[^\W\d_]{2,}")
"""A word that does not begin a sentence."""
_LETTERS: Final = re.compile(r"[^\W\d_]+")


class GateCount:
    """Counts what passes and what does not, for one kind of finding."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._kept = 0
        self._dropped: Counter[str] = Counter()

    def keep(self, count: int = 1) -> None:
        """So many more passed."""
        self._kept += count

    def drop(self, reason: str, count: int = 1) -> None:
        """So many more failed, for a reason that is a code."""
        if count:
            self._dropped[reason] += count

    @property
    def account(self) -> Gate:
        """What was counted so far; the commonest reason first."""
        ordered = sorted(self._dropped.items(), key=lambda pair: (-pair[1], pair[0]))
        return Gate(self._kind, self._kept, tuple(Dropped(*pair) for pair in ordered))


def is_plain(text: str) -> bool:
    """Whether a text of a model holds nothing that any place of a report takes for markup, a link or a mention."""
    return not _MARKUP.search(text) and text.translate(_JOINERS).isprintable()


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return [word.casefold() for word in _LETTERS.findall(text)]


def has_right_names(text: str, near: set[str], speakers: set[str], *, english: bool) -> bool:
    """Whether a statement names only who is named near, or speaks; and first of all speakers one who is near.

    Args:
        text: A model's words.
        near: The words, in small letters, of what it may go by.
        speakers: Those of the names of all who speak.
        english: Elsewhere than in English a capital may begin any noun.
    """
    named = [word for word in words_of(text) if word in speakers]
    if named and named[0] not in near:
        return False
    inside = [word for word in _INSIDE.findall(text) if word[0].isupper()] if english else []
    return all(name.casefold() in near | speakers for name in inside)


def says_no_more(text: str, sentence: str, around: Iterable[str]) -> bool:
    """Whether a new wording of a sentence keeps its yes or no, and has no figure that does not stand in or around it.

    The two must also have a word of substance in common. Whether the wording is fair in all else is not told here, so
    the sentence always stands beside it.
    """
    if _negations(text) != _negations(sentence) or not stems(text) & stems(sentence):
        return False
    return figures_in(text) <= figures_in(" ".join([sentence, *around]), parts=True)


def on_one_subject(claim: str, excerpts: Sequence[str]) -> bool:
    """Whether the sentences that are to decide a claim have a word of substance or a figure in common with it."""
    said = " ".join(excerpts)
    return bool(stems(claim) & stems(said) or figures_in(claim) & figures_in(said, parts=True))


def said_by(transcript: Transcript, quote: Quote, speaker: str | None) -> bool:
    """Whether a quote stands in its segments and is that speaker's."""
    return transcript.holds(quote) and quote.speaker == speaker


def _negations(text: str) -> int:
    return sum(map(is_negation, tokens(text))) % 2
