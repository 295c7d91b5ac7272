"""Whom a sentence's first "he" or "she" means, where that is certain; else nobody is named.

A name counts only with a title ("Senator Doe", "Dr. Jane Doe"), since places and companies say and vote, too; only in
the sentence just before, by the same speaker; and only if nobody else could be meant there.
"""

import re
from collections.abc import Sequence
from typing import Final

from udib.analysis.sentences import Sentence
from udib.analysis.text import STOP_WORDS, word_set
from udib.core.speech import SILENCE_S, Quote, Transcript

_OPENS: Final = re.compile(r"^(?:(?:and|but|so|then|because|well|now|yet),? )*(?P<pronoun>s?he)\b", re.IGNORECASE)
_SOMEBODY: Final = re.compile(r"\b(?:he|she|him|his|her|hers|himself|herself|who|whom)\b", re.IGNORECASE)
_TITLE: Final = (
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sen|Rep|Gov|Rev)\.?|Senator|President|Governor|Professor|Doctor|Minister|Chancellor"
    r"|Mayor|Judge|Justice|Secretary|Congressman|Congresswoman|Councilor|Councillor|Councilman|Councilwoman|General"
    r"|Captain|Sir|Lady|King|Queen|Prince|Princess|Pope|Bishop|Coach"
)
_WORD: Final = r"[A-Z][a-z]+(?:[-'\u2019][A-Z][a-z]+)*"
_PERSON: Final = re.compile(rf"\b(?:{_TITLE}) {_WORD}(?: {_WORD})?")
_CAPITALS: Final = re.compile(rf"\b{_WORD}")
_HE: Final = re.compile(r"^(?:Mr|Congressman|Councilman|Sir|King|Prince|Pope)\b")
_SHE: Final = re.compile(r"^(?:Mrs|Ms|Miss|Congresswoman|Councilwoman|Lady|Queen|Princess)\b")
_NO_PERSON: Final = word_set(
    """january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday i english american british european"""
)


def meant(transcript: Transcript, said: Sequence[Sentence], at: int) -> Quote | None:
    """The name, cut from the sentence before, of whom a sentence calls "he" or "she" first; None: that is not certain.

    Args:
        transcript: What was said.
        said: Its sentences, in order.
        at: The place of the sentence among them.
    """
    opening = _OPENS.match(said[at].text)
    if opening is None or at == 0:
        return None
    before, quote = said[at - 1], said[at].quote
    if before.turn != said[at].turn or quote.speaker is None or quote.start_s - before.quote.end_s > SILENCE_S:
        return None
    people = list(_PERSON.finditer(before.text))
    if len(people) != 1 or _SOMEBODY.search(before.text):
        return None
    [person] = people
    rest = before.text[: person.start()] + " " * len(person[0]) + before.text[person.end() :]
    names = [word[0].casefold() for word in _CAPITALS.finditer(rest)]
    if any(name not in _NO_PERSON and name not in STOP_WORDS for name in names):
        return None  # another name, which may be somebody's
    if (_SHE if opening["pronoun"].casefold() == "he" else _HE).match(person[0]):
        return None
    return before.part(transcript, *person.span())
