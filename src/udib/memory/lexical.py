"""Words as search terms: tokens, stems, and the document and query weights of BM25. Pure; English.

Stemming is the inflectional part of Porter's algorithm (plurals, -ed, -ing, final e and y): "argue", "argues", "argued"
and "arguing" are one term, "argument" is another. Source: M. F. Porter, An algorithm for suffix stripping, 1980.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

K1: Final = 1.2
B: Final = 0.4
"""How much the length of a text matters; low, because our records are of much the same length."""
AVERAGE_LENGTH: Final = 40.0
"""Fixed, so that a text has the same weights whatever else is stored (content words of a record of 80 words)."""

# Letters and digits; apostrophes, and the points and commas inside a number, belong to the word.
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLED = re.compile(r"([bdfgmnprt])\1$")
_KEPT = frozenset({"exceed", "news", "proceed", "succeed"})  # what looks like an ending is none
_SHORT = re.compile(r"^[^aeiou]*[aeiouy][^aeiouwxy]$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: Final = _words(
    """
    a about above after again against ago all almost along already also although always am among an and another any
    anybody anyone anything are aren't around as at away back be became because become been before being below between
    both but by came can can't cannot come could couldn't did didn't do does doesn't doing don't done down during each
    either else even ever every everybody everyone everything few for from further gave get gets getting give given go
    goes going gonna gone got gotta had hadn't has hasn't have haven't having he he'd he'll he's her here hers herself
    hey hi him himself his how however i i'd i'll i'm i've if in indeed into is isn't it it'd it'll it's its itself just
    know let let's like lot lots made make many may maybe me mean might mine more most much must my myself neither never
    no nobody none nor not nothing now of off often oh ok okay on once one ones only onto or other others ought our ours
    ourselves out over own perhaps put quite rather really right said same saw say saying says see seem seems shall she
    she'd she'll she's should shouldn't since so some somebody someone something sometimes still such sure take tell
    than that that'd that'll that's the their theirs them themselves then there there's these they they'd they'll
    they're they've thing things think this those though through thus to together too toward towards uh uhm um under
    until up upon us used very via want was wasn't way we we'd we'll we're we've well went were weren't what what's
    whatever when where whether which while who who's whoever whom whose why will with within without won't would
    wouldn't yeah yep yes yet you you'd you'll you're you've your yours yourself yourselves
    """
)
ASKING: Final = _words(
    """
    addressed asked comment comments commented describe described discuss discussed discusses discussing discussion
    explain explained mention mentioned mentions opinion opinions regarding spoke speak speaker speakers speaks
    summarise summarize summary talk talked talking talks thought thoughts told topic view views
    """
)
"""Words of a question about a conversation that say nothing of its subject."""


def tokenise(text: str) -> tuple[str, ...]:
    """The words of a text in order: lower case, straight apostrophes, possessive endings and digit commas removed."""
    return tuple(_plain(word) for word in _WORD.findall(text.casefold()))


def terms(text: str) -> dict[int, float]:
    """The weights of a stored text: term number -> saturated, length-normalised frequency.

    With how rare a term is (put in by the index) and a query weight of 1, the product is BM25.
    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
    """
    counts = Counter(stem(word) for word in tokenise(text) if word not in STOP_WORDS)
    length = 1 - B + B * counts.total() / AVERAGE_LENGTH
    weights: dict[int, float] = {}
    for word, often in counts.items():
        weights[term_id(word)] = often * (K1 + 1) / (often + K1 * length)
    return weights


def query_terms(text: str) -> dict[int, float]:
    """The weights of a query: 1 for each of its content words."""
    return {term_id(stem(word)): 1.0 for word in content_words(text)}


def content_words(text: str) -> tuple[str, ...]:
    """The words of a query that say what it is about, each stem once, in order and as they were written."""
    found: dict[str, str] = {}
    for word in tokenise(text):
        if word not in STOP_WORDS and word not in ASKING:
            found.setdefault(stem(word), word)
    return tuple(found.values())


def coverage(words: Sequence[str], found: Collection[str]) -> float:
    """The share of a query's content words that a text holds, in [0, 1]; a common word counts a quarter.

    Args:
        words: From `content_words`.
        found: The text's `stems`.
    """
    weights = {word: 0.25 if word in COMMON else 1.0 for word in map(stem, words)}
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in found) / total if total else 0.0


def stems(text: str) -> frozenset[str]:
    """The stems of all words of a text but stop words."""
    return frozenset(stem(word) for word in tokenise(text) if word not in STOP_WORDS)


def term_id(stemmed: str) -> int:
    """The number of a term, 0 to 2**32 - 1, the same on every machine. Of 100,000 words about one pair shares one."""
    return crc32(stemmed.encode())


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The part of a lower-case word that its inflections share. Numbers and words of up to 3 letters stay."""
    if len(word) <= 3 or word in _KEPT or not word.isalpha():
        return word
    word = _singular(word)
    return word if word in _KEPT else _without_final_e(_without_ending(word))


def _plain(word: str) -> str:
    word = word.replace("\u2019", "'")
    if word[0].isdigit():
        return word.replace(",", "")
    return word.removesuffix("'s") if word not in STOP_WORDS else word


def _singular(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_ending(word: str) -> str:
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 2 and _VOWEL.search(rest):
            if word.endswith("eed"):
                return word[:-1] if len(word) > 5 else word  # agreed, but need
            if len(rest) == 2 and rest.endswith("i"):
                return rest + "e"  # tied
            if _DOUBLED.search(rest):
                return rest[:-1]
            if rest.endswith(("at", "bl", "iz")) or _SHORT.fullmatch(rest):
                return rest + "e"
            return rest[:-1] + "y" if rest.endswith("i") else rest
    return word


def _without_final_e(word: str) -> str:
    if len(word) > 4 and word.endswith("e") and not _SHORT.fullmatch(word[:-1]):
        return word[:-1]
    return word


COMMON: Final = frozenset(
    stem(word)
    for word in _words(
        """
        agree answer ask bad basically better big bit call case change couple course day different end example fact
        feel find fine first good great group guess guy help hope hour idea important issue keep kind last least leave
        level line little long look main matter meeting minute moment money month morning move name need new next nice
        number okay old part people percent place plan please point possible probably problem put question reason
        second sense show side simple situation small sort sorry start statement stuff system talk thank third three
        time today tomorrow try turn two understand use week whole word work world wrong year yesterday
        """
    )
)
"""Stems that any conversation holds: sharing one of them with a question proves little."""

FRAMING: Final = frozenset(
    stem(word)
    for word in _words(
        """
        argue argued believe believed claim claimed conclude concluded conclusion consider considered contribute
        contribution decide decided decision decisions description detail details explanation express expressed feel
        general introduce introduced introduction outcome overview perspective please propose proposed raise raised
        reason reasons recommend recommended respond responded response state stated suggest suggested
        """
    )
)
"""Stems that tell what kind of answer a question wants: they may be said in it, but sharing one proves nothing."""
