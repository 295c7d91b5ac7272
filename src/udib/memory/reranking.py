"""Which candidates answer a question, and in which order: by words, by meaning, and by what was said around them. Pure.

The constants were set on the validation meetings of QMSum; `benchmarks/memory/retrieval.py` measures what they give.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udib.core.types import ContentId, MemoryRecord
from udib.core.vectors import Hit
from udib.memory.lexical import FRAMING, coverage, stem, stems
from udib.memory.texts import timestamp

FEWEST_CANDIDATES: Final = 50
_SEEN: Final = 10
"""How many values the usual deviation counts as much as."""
_Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What a question and a passage must have in common, and what counts how much.

    Attributes:
        bears_from: Share of the question's subject words that a passage must hold to bear on it; of up to six, one that
            is not common is enough. The gold turns of QMSum often share few words with the question, so it is asked of
            an item, not of each passage. Of questions on subjects that no meeting has, 11 % find one shared word among
            the 575 turns of a meeting, and get an answer; without the condition all get one.
        similar_from: Cosine from which a passage bears on a question though it shares no word with it. Fewer than 1 in
            100 foreign questions reach 0.85 in a meeting of QMSum (median 0.61, 99 %: 0.81). Lower, the shipped
            embedder does not tell on-topic from off-topic: the gold turns' median is 0.77, a foreign meeting's 0.74.
        nearly: Share of the similarity of an item's nearest bearing passage from which its others may answer too.
        around_by_words: What the words of the candidates around one count, where its own count 1.
        around_by_meaning: The same of their meaning.
        fading: Words away at which a candidate counts a third (1/e) for another; from 3 times as far, nothing.
        same_place: Words up to which two passages are the same place of an item: the better one stands for it.
    """

    bears_from: float = 0.15
    similar_from: float = 0.85
    nearly: float = 0.75
    around_by_words: float = 0.5
    around_by_meaning: float = 0.3
    fading: float = 350.0
    same_place: float = 300.0


WEIGHTS: Final = Weights()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may answer a question.

    Attributes:
        id: Of its point.
        record: What was said.
        said: The stems of its words.
        similarity: Its cosine with the question.
        score: Ranks within one question, > 0.
        place: About how many words of its item come before it.
    """

    id: str
    record: MemoryRecord
    said: frozenset[str]
    similarity: float
    score: float
    place: float


def candidates(hits: Sequence[Hit], records: Sequence[MemoryRecord], weights: Weights = WEIGHTS) -> list[Candidate]:
    """The explained hits, each with its score: the exponential of the sum of its standard scores among all.

    A talk stays on a subject for minutes, so what stands among other candidates is more likely to be on it.
    """
    if not hits:
        return []
    words = np.array([hit.term_score or 0.0 for hit in hits])
    meaning = np.array([hit.similarity for hit in hits])
    places = _places(records)
    near = _nearness(records, places, weights.fading)
    scores = np.exp(
        _standard(words, 2.7)
        + _standard(meaning, 0.044)
        + weights.around_by_words * _standard(near @ words, 6.0)
        + weights.around_by_meaning * _standard(near @ np.maximum(meaning, 0.0), 0.9)
    )
    return [
        Candidate(hit.id, record, stems(record.text), hit.similarity, float(score), float(place))
        for hit, record, score, place in zip(hits, records, scores, places, strict=True)
    ]


def speakers(found: Iterable[Candidate]) -> dict[str, frozenset[str]]:
    """Who said the candidates, in order, each with the stems of the name."""
    names = dict.fromkeys(each.record.speaker for each in found if each.record.speaker)
    return {name: stems(name) for name in names}


def bearing(found: Iterable[Candidate], asked: Sequence[str], weights: Weights = WEIGHTS) -> list[Candidate]:
    """Those that bear on what is asked, and those of the same items whose meaning is nearly as near.

    An item is on a question's subject or it is not; within one that is, an answer need not repeat the question's words.

    Args:
        found: Candidates.
        asked: The words that say what the question is about; none: everything bears on it. Those that only frame it,
            as "propose" and "decision", count if there are no others.
        weights: What is enough.
    """
    found = list(found)
    subject = [word for word in asked if stem(word) not in FRAMING] or asked
    nearest: dict[ContentId, float] = {}
    bear = set()
    for each in found:
        if _bears(each, subject, weights):
            bear.add(each.id)
            item = each.record.content_id
            nearest[item] = max(nearest.get(item, -1.0), each.similarity)
    return [
        each
        for each in found
        if each.id in bear or each.similarity >= weights.nearly * nearest.get(each.record.content_id, 2.0)
    ]


def best_first(found: Iterable[Candidate], now: float, half_life_days: float | None) -> list[Candidate]:
    """Candidates in the order of their scores, which are halved for each half-life since they were published.

    Args:
        found: Candidates; those without a date count as new.
        now: Seconds since 1970.
        half_life_days: None: age does not matter.
    """
    if half_life_days is not None:
        half_life_s = half_life_days * 86_400
        found = [replace(each, score=each.score * 0.5 ** (_age_s(each.record, now) / half_life_s)) for each in found]
    return sorted(found, key=lambda each: (-each.score, -each.similarity, each.id))


def spread(ranked: Iterable[Candidate], same_place: float) -> list[Candidate]:
    """The same candidates, those of a place that a better one stands for behind the others."""
    chosen: list[Candidate] = []
    behind: list[Candidate] = []
    for each in ranked:
        stood_for = any(_is_near(each, better, same_place) for better in chosen)
        (behind if stood_for else chosen).append(each)
    return [*chosen, *behind]


def _bears(each: Candidate, asked: Sequence[str], weights: Weights) -> bool:
    near = each.similarity >= weights.similar_from
    return near or not asked or coverage(asked, each.said) >= weights.bears_from


def _age_s(record: MemoryRecord, now: float) -> float:
    published = timestamp(record.published_at)
    return 0.0 if published is None else max(now - published, 0.0)


def _is_near(one: Candidate, other: Candidate, words: float) -> bool:
    return one.record.content_id == other.record.content_id and abs(one.place - other.place) <= words


def _places(records: Sequence[MemoryRecord]) -> _Scores:
    """About how many words of its item come before each: as if all its records were as long as those here on average.

    Records of one item may be single turns, those of another pieces of a lecture: their numbers alone tell no distance.
    """
    lengths: dict[ContentId, list[int]] = {}
    for record in records:
        lengths.setdefault(record.content_id, []).append(len(record.text.split()))
    usual = {item: sum(some) / len(some) for item, some in lengths.items()}
    return np.array([record.number * usual[record.content_id] for record in records])


def _nearness(records: Sequence[MemoryRecord], places: _Scores, fading: float) -> _Scores:
    """How much each candidate counts for each other one: 0 to 1, 0 for itself and for those of other items."""
    items = np.array([record.content_id for record in records])
    away = np.abs(places[:, None] - places[None]) / fading
    counts = (items[:, None] == items[None]) & (away < 3.0)
    np.fill_diagonal(counts, val=False)
    return np.where(counts, np.exp(-away), 0.0)


def _standard(values: _Scores, usual: float) -> _Scores:
    """Standard scores. The deviation is drawn towards the `usual` one (QMSum's): of a few values it says little."""
    gaps = values - values.mean()
    deviation = math.sqrt((float(gaps @ gaps) + _SEEN * usual**2) / (len(values) + _SEEN))
    scores: _Scores = gaps / deviation
    return scores
