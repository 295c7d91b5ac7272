"""Do the first five passages hold an answer? Questions on meetings (QMSum, validation part), offline, shipped embedder.

A record is one turn of speech; a question counts when at least one of the first five lies in a range that holds its
answer. The weights of the order are cross-validated: for each fifth of the meetings those are taken that do best on the
other four, so that no meeting is scored by what was chosen on it. The product's own weights, chosen on all of them, are
beside it. The interval is that of a paired bootstrap over questions.
"""

import asyncio
import gzip
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory.sizes import FULL, Measured, Sizes
from benchmarks.memory.stores import open_index, progress, scratch
from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters, Query
from udib.memory.lexical import content_words, query_terms
from udib.memory.reranking import Weights
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore

_TOP = 5
_RESAMPLES = 10_000
_KIND = RecordKind.TRANSCRIPT
_FOLDS = 5
WAYS = ("recall", "product", "hybrid", "terms", "dense")
_TRIED = [
    Weights(around_by_words=words, around_by_meaning=meaning, fading=fading, same_place=apart)
    for words, meaning in ((0.0, 0.0), (0.5, 0.3), (1.0, 0.6))
    for fading in (200.0, 350.0, 700.0)
    for apart in (0.0, 150.0, 300.0)
]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    data = os.environ.get("EVAL_DATA_DIR")
    if data is None:
        print("EVAL_DATA_DIR is not set: retrieval was skipped, and its targets count as short")
        return []
    meetings = load(Path(data) / "retrieval/qmsum-val.jsonl.gz")[: None if sizes == FULL else 3]
    progress(f"retrieval from {len(meetings)} meetings")
    with scratch() as folder:
        found = asyncio.run(_asked(meetings, folder))
    return figures(found, len(meetings))


@dataclass(frozen=True, slots=True)
class Meeting:
    """Turns as (speaker, text), and questions with the numbers of the turns that answer them."""

    name: str
    turns: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, frozenset[int]], ...]


def load(path: Path) -> list[Meeting]:
    """The meetings of a file; marks of noises, as `{vocalsound}`, are taken out."""
    meetings = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            turns = tuple((speaker, re.sub(r"\{[^}]*\}", "", text).strip()) for speaker, text in one["turns"])
            questions = tuple(
                (each["query"], frozenset(n for first, last in each["turns"] for n in range(first, last + 1)))
                for each in one["queries"]
            )
            meetings.append(Meeting(str(one["meeting"]), turns, questions))
    return meetings


def figures(found: dict[str, list[bool]], meetings: int) -> Measured:
    """Recall of each way, and how sure it is that the fused one is better than the better of its two legs."""
    questions = len(found["recall"])
    recall = {way: sum(hits) / questions for way, hits in found.items()}
    leg = max(("terms", "dense"), key=lambda way: recall[way])
    low, high = interval(found["recall"], found[leg])
    against = f"{questions} questions on {meetings} meetings"
    names = {
        "recall": f"MemoryService.recall, weights cross-validated by meeting in {_FOLDS} folds",
        "product": "MemoryService.recall, as `udib ask` calls it",
        "hybrid": "EnhancedVectorStore.search by vector and terms, without the conditions of recall",
        "terms": "terms alone (BM25)",
        "dense": "vectors alone (shipped embedder)",
    }
    measured = [(f"retrieval_{way}_at_5", recall[way], "", f"{names[way]}; {against}") for way in WAYS]
    gain = recall["recall"] - recall[leg]
    note = f"recall minus {leg}: {gain:+.3f}, 95 % from {low:+.3f} to {high:+.3f}, {_RESAMPLES} resamples of questions"
    return [*measured, ("retrieval_gain_lower_bound", low, "", note)]


def interval(ours: Sequence[bool], other: Sequence[bool]) -> tuple[float, float]:
    """The 95 % bounds of the mean difference, by a paired bootstrap over questions."""
    differences = np.array(ours, dtype=np.float64) - np.array(other, dtype=np.float64)
    rng = np.random.default_rng(7)
    means = [differences[rng.integers(len(differences), size=len(differences))].mean() for _ in range(_RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


async def _asked(meetings: Sequence[Meeting], folder: Path) -> dict[str, list[bool]]:
    """For each way and question, whether one of the first five is right."""
    found: dict[str, list[bool]] = {way: [] for way in WAYS}
    tried: list[list[bool]] = []
    folds: list[int] = []
    async with open_index(folder, linger_s=5) as index:
        store = EnhancedVectorStore(index, StaticEmbedder.load())
        memory, variants = MemoryService(store), [MemoryService(store, weights=each) for each in _TRIED]
        for number, meeting in enumerate(meetings):
            scope = Scope.of("bench", meeting.name)
            await memory.remember(scope, records(meeting))
            for question, gold in meeting.questions:
                for way, given in (await _ways(memory, store, scope, question)).items():
                    found[way].append(not gold.isdisjoint(given))
                tried.append([not gold.isdisjoint(await _recalled(each, scope, question)) for each in variants])
                folds.append(number % _FOLDS)
    found["recall"] = cross_validated(np.array(tried), np.array(folds))
    return found


def cross_validated(tried: NDArray[np.bool_], folds: NDArray[np.int64]) -> list[bool]:
    """What each question gets from the variant that did best on the other folds; `tried` is questions by variants."""
    chosen = np.zeros(len(tried), dtype=bool)
    for fold in np.unique(folds):
        mine = folds == fold
        best = tried[~mine].mean(axis=0).argmax() if (~mine).any() else 0
        chosen[mine] = tried[mine, best]
    return [bool(each) for each in chosen]


async def _ways(memory: MemoryService, store: EnhancedVectorStore, scope: Scope, question: str) -> dict[str, list[int]]:
    """The numbers of the first five turns, by each way."""
    [vector] = await store.embedder.embed([" ".join(content_words(question))])
    terms = query_terms(question)
    queries = {"hybrid": Query(vector, terms, _TOP), "terms": Query((), terms, _TOP), "dense": Query(vector, {}, _TOP)}
    given = {"product": await _recalled(memory, scope, question)}
    for way, query in queries.items():
        hits = (await store.search(scope, _KIND, query, use_cache=False)).hits if query.terms or query.vector else ()
        given[way] = [int(str(hit.payload["number"])) for hit in hits]
    return given


async def _recalled(memory: MemoryService, scope: Scope, question: str) -> list[int]:
    [passages] = await memory.recall(scope, _KIND, [question], limit=_TOP, filters=Filters())
    return [passage.record.number for passage in passages]


def records(meeting: Meeting) -> list[MemoryRecord]:
    """A record a turn; the times are numbers of turns."""
    return [
        MemoryRecord(
            kind=_KIND,
            content_id=ContentId(meeting.name),
            number=number,
            text=text,
            start_s=float(number),
            end_s=float(number + 1),
            title=meeting.name,
            link="",
            speaker=speaker,
        )
        for number, (speaker, text) in enumerate(meeting.turns)
    ]
