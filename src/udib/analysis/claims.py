"""Which sentences are worth checking: hand-written features with hand-set weights, nothing trained."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from udib.analysis.sentences import Sentence
from udib.analysis.text import MONTHS, STOP_WORDS, Figure, Kind, Token, figures, tokens
from udib.core.findings import Claim

WORTH_CHECKING: Final = 0.5
"""Check-worthiness from which a sentence counts as a claim."""

_BIAS: Final = -1.5

_FIGURES: Final = {Kind.COUNT: 1.5, Kind.PERCENT: 2.3, Kind.MONEY: 1.7, Kind.YEAR: 1.2}

# Reason, weight, pattern. A reason that lowers the score is not shown to readers.
_RAISING: Final = (
    (
        "comparison",
        0.6,
        r"\b(?:more|less|fewer|higher|lower|larger|smaller|greater|better|worse|faster|cheaper) than\b"
        r"|\btwice as\b|\btimes (?:as|more|higher|the)\b|\bcompared (?:to|with)\b|\bas (?:many|much) as\b",
    ),
    (
        "superlative",
        0.5,
        r"\b(?:most|least|highest|lowest|largest|biggest|smallest|worst|greatest|fastest|record|leading"
        r"|number one|the first|the only)\b",
    ),
    (
        "cause",
        0.5,
        r"\b(?:caus(?:e|es|ed|ing)|led to|leads? to|result(?:s|ed)? in|as a result|due to|because of|thanks to"
        r"|creat(?:e|es|ed)|destroy(?:s|ed)?|kill(?:s|ed)?|cost(?:s)?|added|sav(?:es|ed))\b",
    ),
    (
        "statistic",
        0.5,
        r"\b(?:averages?|median|per (?:capita|person|head)|rates?|ratio|share of|proportion of|(?:one|two|three"
        r"|four|nine|\d+) (?:out of|in) (?:every )?(?:two|three|four|five|six|eight|ten|a hundred|\d+))\b",
    ),
    (
        "quantity",
        0.4,
        r"\b(?:half|majority|minority|double|triple|dozens?|hundreds|thousands|millions|billions|nobody|no one"
        r"|none|never|every single|entire|most of|many of|tens of)\b",
    ),
    (
        "reported study",
        0.9,
        r"\b(?:stud(?:y|ies)|survey|poll|report(?:s|ed)?|research(?:ers)?|data|statistics|economists|scientists"
        r"|according to|census|found that|estimat(?:e|es|ed)|authors)\b",
    ),
    (
        "change",
        0.7,
        r"\b(?:rose|fell|dropped|risen|fallen|increased|decreased|went (?:up|down)|gone (?:up|down)|grew|grown"
        r"|shrank|doubled|tripled|cut|lost|gained|raised|lowered|declined|climbed|soared|slashed)\b",
    ),
    (
        "record",
        0.7,
        r"\b(?:voted|supported|opposed|signed|passed|approved|rejected|banned|vetoed|promised|proposed|endorsed"
        r"|elected|appointed|invaded|negotiated|introduced|won|ended|allowed|refused|admitted|called|paid|spent"
        r"|wrote|built|closed|opened|released|deported)\b",
    ),
)
_LOWERING: Final = (
    (1.2, r"\?[\"'\u201d]*$"),
    (
        0.7,
        r"\b(?:i|we) (?:just |really |do |don't |truly )?(?:think|believe|feel|hope|want|wish|guess|love|suppose"
        r"|like|agree|need)\b|\bi'd\b|\bin my (?:view|opinion|mind)\b",
    ),
    (
        0.9,
        r"\bmy (?:own |little |old )*(?:\w+ )?(?:sister|brother|mother|father|mom|dad|wife|husband|son|daughter"
        r"|kids?|children|friends?|neighbou?rs?|boss|family|grand\w+|life|uncle|aunt|cousin)\b|\bi (?:went|came"
        r"|remember|met|saw|grew up|tried|felt|lived|used to|once)\b",
    ),
    (
        0.5,
        r"\b(?:should|ought|must|need to|have to|has to|good|bad|great|terrible|wonderful|beautiful|wrong|right"
        r"|fair|unfair|important|ridiculous|nice|sad|proud|honest|amazing)\b",
    ),
    (0.6, r"\b(?:will|won't|gonna|going to|tomorrow|next (?:year|week|month|spring))\b|\b\w+'ll\b"),
    (0.4, r"\b(?:would|could|might|may|if|imagine|suppose|picture)\b"),
    (0.4, r"\b(?:maybe|perhaps|probably|kind of|sort of|i guess|possibly|seems?)\b"),
    (
        0.6,
        r"^(?:(?:so|and|but|now|well|okay|ok|please) )*(?:let's|let me|look|listen|tell|take|think|ask|remember"
        r"|imagine|picture|stop|go|come|give|wait|vote|join|build|fix|believe)\b",
    ),
    (
        1.5,
        r"\b(?:thank you|thanks|good (?:evening|morning|night)|welcome|congratulations|excuse me|applause"
        r"|laughter)\b",
    ),
)

_RAISES = tuple((reason, weight, re.compile(pattern)) for reason, weight, pattern in _RAISING)
_LOWERS = tuple((weight, re.compile(pattern)) for weight, pattern in _LOWERING)
_PAST = re.compile(r"\b(?:was|were|had|did|been|said|went|came|took|made|gave|began|\w{3,}ed)\b")
_OTHERS_RECORD = re.compile(
    r"\b(?:you|he|she|they)(?:'ve| have|'s| has)? (?:\w+ )?(?:\w{3,}ed|said|made|took|gave|did|ran|had)\b"
)


def claim_candidates(sentences: Sequence[Sentence], *, threshold: float = WORTH_CHECKING) -> tuple[Claim, ...]:
    """The sentences from a check-worthiness of `threshold` on, most check-worthy first, then in order of time."""
    words = [tokens(sentence.text) for sentence in sentences]
    names = proper_names(words)
    scored = (
        (sentence, *check_worthiness(sentence.text, said, names))
        for sentence, said in zip(sentences, words, strict=True)
    )
    claims = [Claim(sentence.quote, score, reasons) for sentence, score, reasons in scored if score >= threshold]
    return tuple(sorted(claims, key=lambda claim: -claim.check_worthiness))


def check_worthiness(text: str, words: Sequence[Token], names: frozenset[str]) -> tuple[float, tuple[str, ...]]:
    """How much a sentence is worth checking, in [0, 1], and why.

    Args:
        text: The sentence.
        words: Its tokens.
        names: Words in lower case that are names in this transcript, see `proper_names`.
    """
    low = text.casefold().replace("\u2019", "'")
    reasons: list[str] = []
    total = _BIAS + _length_weight(len(words))
    for reason, weight in (*_figure_reasons(figures(words)), *_name_reasons(words, names)):
        total += weight
        reasons.append(reason)
    for reason, weight, pattern in _RAISES:
        if pattern.search(low):
            total += weight
            reasons.append(reason)
    total += 0.5 * bool(_PAST.search(low)) + 0.4 * bool(_OTHERS_RECORD.search(low))
    total -= sum(weight for weight, pattern in _LOWERS if pattern.search(low))
    return round(1 / (1 + math.exp(-total)), 4), tuple(dict.fromkeys(reasons))


def proper_names(sentences: Iterable[Sequence[Token]]) -> frozenset[str]:
    """The words, in lower case, that are written with a capital inside sentences, mostly.

    Empty for a transcript that is all in capitals or has none.
    """
    capital: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for words in sentences:
        for word in words[1:]:
            (capital if word.text[0].isupper() else plain)[word.low] += 1
    if capital.total() > plain.total():
        return frozenset()
    return frozenset(low for low, count in capital.items() if count > plain[low] and _may_be_name(low))


def names_in(words: Sequence[Token], names: frozenset[str]) -> Iterator[str]:
    """The names in a sentence; neighbouring words of one name ("New York") count once."""
    before = -2
    for number, word in enumerate(words):
        if word.low in names and word.text[0].isupper():
            if before != number - 1 or not word.joined:
                yield word.low
            before = number


def _may_be_name(low: str) -> bool:
    return low.split("'", maxsplit=1)[0] not in STOP_WORDS and low not in MONTHS and low[0].isalpha()


def _figure_reasons(found: Sequence[Figure]) -> Iterator[tuple[str, float]]:
    # A small number of nothing in particular ("those two") says nothing.
    kinds = {figure.kind for figure in found if figure.nouns or figure.kind is not Kind.COUNT or figure.value >= 10}
    ordered = [kind for kind in (Kind.PERCENT, Kind.MONEY, Kind.COUNT, Kind.YEAR) if kind in kinds]
    for rank, kind in enumerate(ordered):
        yield kind.value, _FIGURES[kind] / (1 + rank)


def _name_reasons(words: Sequence[Token], names: frozenset[str]) -> Iterator[tuple[str, float]]:
    count = sum(1 for _ in names_in(words, names))
    if count:
        yield "named entity", 0.6 + 0.2 * min(count - 1, 2)
    if any(word.low in MONTHS - {"may", "march"} for word in words):
        yield "date", 0.3


def _length_weight(words: int) -> float:
    if words < 5:
        return -2.0
    if words < 8:
        return -0.6
    return 0.3 * (words >= 12) + 0.3 * (words >= 20)
