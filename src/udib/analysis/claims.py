"""Which sentences are worth checking: hand-written features with hand-set weights, summed and turned into a share.

Nothing is trained but the two numbers of `share_of_claims`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from udib.analysis.claim_context import DISPUTED, in_context
from udib.analysis.sentences import Sentence
from udib.analysis.text import MONTHS, STOP_WORDS, Figure, Kind, Token, figures, is_content, word_set
from udib.core.findings import Claim

WORTH_CHECKING: Final = 0.5
"""Check-worthiness from which a sentence counts as a claim: of such sentences, half are claims."""

SLOPE: Final = 1.62
OFFSET: Final = 0.02
"""Fitted to the six development talks by `python -m benchmarks.analysis.calibration`, which prints them."""
CEILING: Final = 0.95
"""41 of the 42 development sentences above a sum of 1.5 are claims: nothing is surer than that (Laplace: 42 of 44)."""

_BIAS: Final = -1.25

_FIGURES: Final = {Kind.COUNT: 1.5, Kind.PERCENT: 2.3, Kind.MONEY: 1.7, Kind.YEAR: 1.2}

# Reason, weight, pattern. A reason that lowers the score is not shown to readers.
_RAISING: Final = (
    (
        "comparison",
        0.9,
        r"\b(?!rather|other|whether)(?:\w{2,}er|more|less|worse) than\b|\b(?:more|less|fewer)(?: [\w-]+){1,4} than\b"
        r"|\btwice as\b|\btimes (?:as|more|higher|the)\b|\bcompared (?:to|with)\b"
        r"|\bas (?!soon|well|long|far|if)[\w-]+ as\b|\b(?:more|less) (?:often|likely)\b|\bthan any\b",
    ),
    (
        "superlative",
        0.6,
        r"\b(?:the|its|their|'s) (?:[\w-]+ )?(?:most|least|worst|best"
        r"|(?!inter|for|prot|har|requ|gu|hon|mod)\w{3,}est)\b"
        r"|\b(?:record|leading|number one|the first|the only|the last|best-selling)\b",
    ),
    (
        "scope",
        0.8,
        r"\b(?:in (?:the (?:world|country|state|city|nation)|history|europe|africa|asia|america)"
        r"|on (?:earth|the planet)"
        r"|of all time|worldwide|nationwide|globally|nationally|anywhere|ever (?:recorded|made|built)"
        r"|every (?:day|week|weekend|month|year))\b",
    ),
    (
        "cause",
        0.5,
        r"\b(?:caus(?:e|es|ed|ing)|led to|leads? to|result(?:s|ed)? in|as a result|because of|due to|thanks to"
        r"|creat(?:e|es|ed)|destroy(?:s|ed)?|kill(?:s|ed)?|cost(?:s)?|added|sav(?:es|ed))\b",
    ),
    (
        "statistic",
        0.6,
        r"\b(?:averages?|median|typical|per (?:capita|person|head)|rates?|ratio|share of|proportion of|(?:one|two|three"
        r"|four|nine|\d+) (?:out of|in) (?:every )?(?:two|three|four|five|six|eight|ten|a hundred|\d+))\b",
    ),
    (
        "quantity",
        1.1,
        r"\b(?:half|thirds?|quarters?|majority|minority|doubles?|triples?|\w+fold|dozens?|hundreds|thousands"
        r"|millions|billions|many of|tens of)\b"
        r"|\bmost (?:of|people|(?!\w*(?:ous|less))\w{3,}s)\b"
        r"|\b(?:nearly|almost|virtually|practically) (?:every|all|no|half)\b",
    ),
    ("quantity", 0.4, r"\b(?:nobody|no one|none|never|every single|entire)\b"),
    (
        "reported study",
        1.3,
        r"\b(?:stud(?:y|ies)|survey|poll|report(?:s|ed)?|research(?:ers)?|data|statistics|economists|scientists"
        r"|according to|census|found|finds|estimat(?:e|es|ed)|authors|figures say|experts?|universit(?:y|ies))\b",
    ),
    (
        "law",
        1.0,
        r"\b(?:laws?|legal(?:ly|i[sz]ed)?|illegal(?:ly)?|parliament|congress|courts?|ban(?:s|ned)?|outlaw(?:s|ed)|treaty"
        r"|legislation|directive|requires?|mandatory|fined|taxed|subsidi\w+)\b",
    ),
    (
        "change",
        0.7,
        r"\b(?:rose|fell|dropped|risen|fallen|increased|decreased|(?:went|gone|goes|go) (?:up|down)|gr[eo]wn?"
        r"|shrank|doubled|tripled|cut|lost|gained|raised|lowered|declined|climb(?:ed|ing)|soared|slashed|halved"
        r"|(?:got|gotten|become|became|getting) \w+er|(?:got|gotten) (?:worse|better|more|less|rid)|took off)\b",
    ),
    (
        "record",
        0.7,
        r"\b(?:voted|supported|opposed|signed|passed|approved|rejected|banned|vetoed|promised|proposed|endorsed"
        r"|elected|appointed|invaded|negotiated|introduced|won|ended|allowed|refused|admitted|called|paid|spent"
        r"|wrote|built|closed|opened|released|deported|shut|scrapped|launched|sold|abolished|cancell?ed|pulled"
        r"|replaced|phased)\b",
    ),
)
_LOWERING: Final = (
    (1.2, r"\?[\"'\u201d]*$"),
    (
        0.7,
        r"\b(?:i|we) (?:just |really |do |don't |truly )?(?:think|believe|feel|hope|want|wish|guess|love|suppose"
        r"|like|agree|need|know|mean)\b|\bi'd\b|\bin my (?:view|opinion|mind)\b",
    ),
    (
        0.9,
        r"\bmy (?:own |little |old )*(?:\w+ )?(?:sister|brother|mother|father|mom|mum|dad|wife|husband|son|daughter"
        r"|lad|kids?|children|friends?|neighbou?rs?|boss|family|grand\w+|life|uncle|aunt|cousin)\b|\bi (?:went|came"
        r"|remember|met|saw|grew up|tried|felt|lived|used to|once)\b",
    ),
    (0.6, r"\b(?:i|i've|i'm|i'll|me|my)\b"),
    (0.5, r"\b(?:you|you're|you've|you'd|your)\b"),
    (
        0.5,
        r"\b(?:should|ought|must|need to|have to|has to|good|bad|great|terrible|wonderful|beautiful|wrong|right"
        r"|fair|unfair|important|ridiculous|nice|sad|proud|honest|amazing)\b",
    ),
    (0.6, r"\b(?:will|won't|gonna|going to|tomorrow|next (?:year|week|month|spring))\b|\b\w+'ll\b"),
    (0.4, r"\b(?:would|could|might|may|can|can't|cannot|if|imagine|suppose|picture)\b"),
    (0.4, r"\b(?:maybe|perhaps|probably|kind of|sort of|i guess|possibly|seems?)\b"),
    (
        0.6,
        r"^(?:(?:so|and|but|now|well|okay|ok|please) )*(?:let's|let me|look|listen|tell|take|think|ask|remember"
        r"|imagine|picture|stop|go|come|give|wait|vote|join|build|fix|believe|put|keep|try|show|explain|either)\b",
    ),
    (
        1.5,
        r"\b(?:thank you|thanks|good (?:evening|morning|night)|welcome|congratulations|excuse me|applause"
        r"|laughter)\b",
    ),
)

_RAISES = tuple((reason, weight, re.compile(pattern)) for reason, weight, pattern in _RAISING)
_LOWERS = tuple((weight, re.compile(pattern)) for weight, pattern in _LOWERING)
_MATTER: Final = "public matter"
_MATTER_WEIGHT: Final = 0.5
_MATTERS: Final = word_set(
    """tax taxes job jobs wage wages income incomes deficit deficits debt budget budgets spending economy economic
    unemployment inflation poverty trade crime murder murders police prison prisons gun guns drug drugs border borders
    immigrant immigrants immigration refugee refugees military troops nuclear war wars terrorism terrorist terrorists
    energy oil coal climate emissions healthcare insurance hospital hospitals medicare medicaid patients school schools
    students teachers rent rents housing pension pensions election elections vote votes senate senator senators
    government companies bank banks factories manufacturing price prices premium premiums treaty sanctions constitution
    administration veterans welfare"""
)
_THEME: Final = 0.05
"""Share of the sentences of an item from which on a word is its theme, and tells none of them from the others."""
_FEWEST_OF_THEME: Final = 3
_IMPERSONAL: Final = 0.5
_FEWEST_CLAUSE_WORDS: Final = 5
_ONE_CLAUSE: Final = 0.2
"""What a sentence loses whose claim is in one of its clauses only."""
_CLAUSE = re.compile(r"(?<=[,;:\u2014])\s+(?=(?:and|but|so|or|because|which|yet|then)\b)|(?<=[;:\u2014])\s")
_PERSONAL_WEIGHT: Final = 0.3
_PERSONAL = re.compile(r"\b(?:i|me|my|you|your)\b")
_PAST = re.compile(r"\b(?:was|were|had|did|been|said|went|came|took|made|gave|began|got|put|kept|\w{3,}ed)\b")
_OWN_RECORD = re.compile(
    r"\b(?:i|we)(?:'ve| have|'d| had)? (?:(?:\w+ly|never|always|also|just) )?(?:voted|supported|opposed|signed|passed"
    r"|proposed|introduced|led|cut|created|built|raised|lowered|negotiated|called|promised|balanced|ended|vetoed|fought"
    r"|ran|won|brought|doubled|reduced|increased|expanded|reformed|appointed|employed|invested|was (?:for|against))\b"
)
_ATTRIBUTED = re.compile(
    r"\b(?:you|he|she|they|who|[a-z]{3,})(?:'s|'ve| has| have| had| just| also| even| once| himself| herself)? (?:said"
    r"|says|claims|claimed|called|calls|promised|promises|admitted|denied|announced|proposes|wants to|wanted to"
    r"|plans to|supports|opposes|praised)\b"
)
_THIRD_PERSON = re.compile(r"\b(?:he|she|his|her|him|they|their|them)\b")
_OTHERS_RECORD = re.compile(
    r"\b(?:you|he|she|they)(?:'ve| have|'s| has)? (?:\w+ )?(?:\w{3,}ed|said|made|took|gave|did|ran|had)\b"
)
_FINITE = re.compile(
    r"is|are|was|were|has|have|had|did|does|got|made|took|built|put|shut|went|won|gave|\w{3,}(?:ed|[^s]s)"
)


def claim_candidates(sentences: Sequence[Sentence], *, threshold: float = WORTH_CHECKING) -> tuple[Claim, ...]:
    """The sentences from a check-worthiness of `threshold` on, most check-worthy first, then in order of time.

    One that no reason raised says nothing that could be checked, however long and impersonal it is.
    """
    claims = [
        Claim(sentence.quote, score, reasons)
        for sentence, (score, reasons) in zip(sentences, ranked(sentences), strict=True)
        if reasons and score >= threshold
    ]
    return tuple(sorted(claims, key=lambda claim: -claim.check_worthiness))


def ranked(sentences: Sequence[Sentence]) -> list[tuple[float, tuple[str, ...]]]:
    """How much each sentence of a transcript is worth checking where it stands, in [0, 1], and why."""
    return [(share_of_claims(total), reasons) for total, reasons in weighed(sentences)]


def weighed(sentences: Sequence[Sentence]) -> list[tuple[float, tuple[str, ...]]]:
    """The sum of the weights of each sentence of a transcript where it stands, and the reasons that raise it."""
    words = [sentence.tokens for sentence in sentences]
    names = proper_names(words)
    theme = _theme(words)
    own = [_of_clauses(sentence.text, said, names, theme) for sentence, said in zip(sentences, words, strict=True)]
    around = in_context(sentences, [total for total, _ in own])
    return [
        (total + added, (*reasons, DISPUTED) if disputed else reasons)
        for (total, reasons), (added, disputed) in zip(own, around, strict=True)
    ]


def check_worthiness(text: str, words: Sequence[Token], names: frozenset[str]) -> tuple[float, tuple[str, ...]]:
    """How much a sentence, or the one of its clauses that is most so, is worth checking, in [0, 1], and why.

    Args:
        text: The sentence.
        words: Its tokens.
        names: Words in lower case that are names in this transcript, see `proper_names`.
    """
    total, reasons = _of_clauses(text, words, names, frozenset())
    return share_of_claims(total), reasons


def share_of_claims(total: float) -> float:
    """Of the sentences with this sum of weights, the share that are claims to one who lists the claims of a talk.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    return round(CEILING / (1 + math.exp(-SLOPE * total - OFFSET)), 6)


def _theme(words: Sequence[Sequence[Token]]) -> frozenset[str]:
    """The public matters of which much of an item is."""
    found = Counter(matter for said in words for matter in {word.low for word in said} & _MATTERS)
    least = max(_FEWEST_OF_THEME, _THEME * len(words))
    return frozenset(matter for matter, count in found.items() if count >= least)


def _of_clauses(
    text: str, words: Sequence[Token], names: frozenset[str], theme: frozenset[str]
) -> tuple[float, tuple[str, ...]]:
    low = text.lower().replace("\u2019", "'")
    total, reasons = _rated(low, words, names, theme)
    cuts = [0, *(match.start() for match in _CLAUSE.finditer(low)), len(low)]
    for begin, end in pairwise(cuts):
        said = [word for word in words if begin <= word.begin < end]
        if _FEWEST_CLAUSE_WORDS <= len(said) < len(words):
            of_clause, why = _rated(low[begin:end], said, names, theme)
            if of_clause - _ONE_CLAUSE > total:
                total, reasons = of_clause - _ONE_CLAUSE, why
    return total, tuple(dict.fromkeys(reasons))


def _rated(low: str, words: Sequence[Token], names: frozenset[str], theme: frozenset[str]) -> tuple[float, list[str]]:
    """The sum of the weights of a sentence or clause in lower case, and the reasons that raise it."""
    reasons: list[str] = []
    total = _BIAS + _length_weight(len(words)) + _IMPERSONAL * (not _PERSONAL.search(low))
    numbers = figures(words)
    for reason, weight in (*_figure_reasons(numbers), *_name_reasons(words, names)):
        total += weight
        reasons.append(reason)
    for reason, weight, pattern in _RAISES:
        if (reason != "quantity" or not numbers) and pattern.search(low):
            total += weight
            reasons.append(reason)
    if any(word.low in _MATTERS and word.low not in theme for word in words):
        total += _MATTER_WEIGHT
        reasons.append(_MATTER)
    attributed, own = bool(_ATTRIBUTED.search(low)), bool(_OWN_RECORD.search(low))
    reasons += ["attribution"] * attributed + ["own record"] * own
    others = bool(_OTHERS_RECORD.search(low))
    total += 0.5 * bool(_PAST.search(low)) + 0.4 * others + 0.5 * attributed + 0.5 * own
    total += 0.2 * bool(_THIRD_PERSON.search(low))
    # Whose record it is, is no opinion: the words for it lower nothing then.
    total -= sum(weight for weight, pattern in _LOWERS if pattern.search(low))
    total += _PERSONAL_WEIGHT * (own or others or attributed) * bool(_PERSONAL.search(low))
    return total, reasons


def proper_names(sentences: Iterable[Sequence[Token]]) -> frozenset[str]:
    """The words, in lower case, that are written with a capital inside sentences, mostly, or open one before a verb.

    Empty for a transcript that is all in capitals or has none.
    """
    capital: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    opening: set[str] = set()
    for words in sentences:
        for word in words[1:]:
            (capital if word.text[0].isupper() else plain)[word.low] += 1
        if len(words) > 1 and words[0].text[0].isupper() and _FINITE.fullmatch(words[1].low):
            opening.add(words[0].low)
    if capital.total() > plain.total():
        return frozenset()
    inside = {low for low, count in capital.items() if count > plain[low]}
    return frozenset(low for low in inside | {low for low in opening if not plain[low]} if _may_be_name(low))


def names_in(words: Sequence[Token], names: frozenset[str]) -> Iterator[str]:
    """The names in a sentence; neighbouring words of one name ("New York") count once."""
    before = -2
    for number, word in enumerate(words):
        if word.low in names and word.text[0].isupper():
            if before != number - 1 or not word.joined:
                yield word.low
            before = number


def _may_be_name(low: str) -> bool:
    return low.split("'", maxsplit=1)[0] not in STOP_WORDS and low not in MONTHS and is_content(low)


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
        return -0.4
    return 0.3 * (words >= 12) + 0.3 * (words >= 20)
