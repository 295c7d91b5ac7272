"""Evidence for claims out of the scope's own memory: what was said in other items, and documents that were added."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from udib.core.computing import computed
from udib.core.evidence import LookUp
from udib.core.findings import Evidence, EvidenceKind
from udib.core.ports import Memory
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Passage, RecordKind
from udib.core.vectors import Filters

PASSAGES = 3
_LOOKED_AT = 30
"""Passages that are recalled for a statement; most of them share little with it, or a word and not its subject."""

_CLAIMS = 5
"""Claims that are recalled for a statement: what is nearly the same comes first."""

_FEWEST_SHARED: Final = 2
_MOST: Final = 0.6
"""Words that say what a statement is about that evidence shares with it, and the share of all its longer words from
which one such word is enough: of "Rents rose by 9 percent" there is only one."""
_LONGER: Final = 4
_SAID_AGAIN: Final = 0.8
"""Share of a statement's words, in one stretch of a passage, from which that says it again and proves nothing."""

_FEWEST_COPIED: Final = 2

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_NEGATIONS: Final = frozenset(re.findall(r"\S+", "no not never none nothing nobody neither nor cannot without"))
_NUMBERS: Final = frozenset(
    re.findall(
        r"\S+",
        """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion
    dozen half third quarter
        """,
    )
)
_ANYWHERE: Final = _NUMBERS | frozenset(
    re.findall(
        r"\S+",
        """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday spring summer autumn fall winter season century decade year month week weekend day
    hour minute second today yesterday tomorrow tonight morning evening night daily weekly monthly yearly
    double triple twice percent percentage per cent point average typical number figure rate
    total dollar euro pound cent penny money cost price spend spent pay paid cheap cheaper
    able add added allow allowed answer ask average away bad ban banned become began begin best better big bigger bit
    bring brought build built buy call called came case cause change changed close common country create cut did
    different do doing done early end ended enough even everybody example fact family feel few figure find finish first
    found full gain gave get give given go goes going gone good got great group grew grow grown guess happen happened
    happy hard have hear heard held help helped here high higher hold honest honestly hope hundred idea important issue
    keep kept kind knew large last late later law lead learn least leave led left less let level life like line listen
    little live lived living long look lose lost low lower made main make making matter mean meant meet mind moment move
    moved name need new next nobody okay old open opened own part past people person picture place plan point possible
    president probably problem promise proof proper put question quick ran reach real reason rid right rise rose run
    running said say second see seen sell sense set show shut side simple single small sold sort sorry stand start
    started state statement stay still stop story stuff sure system take taken takes taking talk tell thank thing think
    threw throw thrown
    took topic town tried true try turn under understand use used using vote voted wait waited want wanted watch way
    went whole win wish won work worked world worse worst wrong yes young
        """,
    )
)
"""Words, mostly in their plain form, that talks on any subjects have in common."""


def look_up_in(memory: Memory, scope: Scope, *, without: ContentId) -> LookUp:
    """A look-up that gives, for each statement, what the scope's own stores hold on its subject, nearest first.

    Documents that were added come before what other contents said.
    """

    async def look_up(statements: Sequence[str]) -> list[list[Evidence]]:
        documents = await _recalled(memory, scope, RecordKind.DOCUMENT, statements, without)
        said = await _recalled(memory, scope, RecordKind.TRANSCRIPT, statements, without)
        return [[*some, *others] for some, others in zip(documents, said, strict=True)]

    return look_up


def claims_in(memory: Memory, scope: Scope, *, without: ContentId) -> LookUp:
    """A look-up that gives, for each statement, the claims of the scope's other items that are likest to it."""
    filters = Filters(not_content_id=without)

    async def look_up(statements: Sequence[str]) -> list[list[Evidence]]:
        found = await memory.recall(scope, RecordKind.CLAIM, statements, limit=_CLAIMS, filters=filters)
        return [
            [
                _evidence(replace(passage, record=record))
                for passage in passages
                for record in (passage.record, *passage.also)
                if record.content_id != without
            ]
            for passages in found
        ]

    return look_up


async def touched(memory: Memory, scope: Scope, texts: Sequence[str]) -> list[ContentId]:
    """The contents with a claim on the subject of one of some texts: of each, the nearest claims are looked at.

    A claim that several contents make is found once, and touches them all.
    """
    found = await memory.recall(scope, RecordKind.CLAIM, texts, limit=_LOOKED_AT, filters=Filters())
    near = [passage for passages in found for passage in passages]
    owners = await computed(_owners_on_subject, near)
    return sorted(owners)


def _owners_on_subject(near: Sequence[Passage]) -> set[ContentId]:
    return {
        record.content_id
        for each in near
        if is_on_subject(each.record.text, each.matched)
        for record in (each.record, *each.also)
    }


async def _recalled(
    memory: Memory, scope: Scope, kind: RecordKind, statements: Sequence[str], without: ContentId
) -> list[list[Evidence]]:
    filters = Filters(not_content_id=without)
    found = await memory.recall(scope, kind, statements, limit=_LOOKED_AT, filters=filters)
    return await computed(_chosen, list(zip(statements, found, strict=True)))


def _chosen(pairs: Sequence[tuple[str, Sequence[Passage]]]) -> list[list[Evidence]]:
    copies = _copies(pairs)
    return [
        [
            _evidence(passage)
            for passage in passages
            if passage.record.content_id not in copies and bears_on(statement, passage)
        ][:PASSAGES]
        for statement, passages in pairs
    ]


def _copies(pairs: Sequence[tuple[str, Sequence[Passage]]]) -> frozenset[ContentId]:
    """The contents that say half of the statements again: the same talk, uploaded once more, proves nothing of itself.

    Of a single statement that cannot be told; there `bears_on` leaves out the passage.
    """
    again = Counter(
        content_id
        for statement, passages in pairs
        for content_id in {
            passage.record.content_id for passage in passages if says_again(statement, passage.record.text)
        }
    )
    least = max(_FEWEST_COPIED, len(pairs) / 2)
    return frozenset(content_id for content_id, count in again.items() if count >= least)


def bears_on(statement: str, passage: Passage) -> bool:
    """Whether a passage is on the subject of a statement, and not the statement said again.

    A question is answered by passages that share one telling word with it. For evidence that is too little: a year, a
    figure or a common word in both proves nothing. Better none than a wrong one.
    """
    # A document that states the same is a source of it; a talk may be the same talk.
    again = passage.record.kind is not RecordKind.DOCUMENT and says_again(statement, passage.record.text)
    return is_on_subject(statement, passage.matched) and not again


def is_on_subject(statement: str, shared: Sequence[str]) -> bool:
    """Whether the words that a text shares with a statement tell that it is on the same subject."""
    matched = [word for word in shared if _is_word(word)]
    telling = sum(map(_tells, matched))
    longer = sum(len(word) >= _LONGER and _is_word(word) for word in words_of(statement))
    most = len(matched) >= _FEWEST_SHARED and len(matched) >= _MOST * longer
    return telling >= _FEWEST_SHARED or bool(telling and most)


def says_again(statement: str, text: str) -> bool:
    """Whether a text holds a statement nearly word for word, as a copy of the same talk does.

    With another figure or a negation it says something else.
    """
    wanted, said = words_of(statement), words_of(text)
    enough = _SAID_AGAIN * len(wanted)
    lacks = Counter(wanted)  # of each word, how often more the statement has it than the piece of the text
    if (lacks & Counter(said)).total() < enough:
        return False
    shared, turning = 0, sum(map(_turns, lacks))
    for at, word in enumerate(said):
        shared += lacks[word] > 0
        turning += _turned(word, lacks[word], lacks[word] - 1)
        lacks[word] -= 1
        if at >= len(wanted):
            left = said[at - len(wanted)]
            shared -= lacks[left] >= 0
            turning += _turned(left, lacks[left], lacks[left] + 1)
            lacks[left] += 1
        if at + 1 >= min(len(wanted), len(said)) and shared >= enough and not turning:
            return True
    return not wanted


def _turned(word: str, before: int, after: int) -> int:
    """By how much the number of words grows that differ and make another statement."""
    return int(_turns(word)) * ((after != 0) - (before != 0)) if 0 in {before, after} else 0


def words_of(text: str) -> list[str]:
    """The words and figures of a text in order, in lower case."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]


def _tells(word: str) -> bool:
    """Whether a word in lower case says what a statement is about."""
    return word not in _ANYWHERE and word.removesuffix("s") not in _ANYWHERE


def _is_word(word: str) -> bool:
    return word[0].isalpha() and word not in _NUMBERS


def _turns(word: str) -> bool:
    """Whether a word alone makes another statement."""
    return word[0].isdigit() or word in _NUMBERS or word in _NEGATIONS or word.endswith("n't")


def _evidence(passage: Passage) -> Evidence:
    record = passage.record
    document = record.kind is RecordKind.DOCUMENT
    return Evidence(
        text=record.text,
        source=record.title,
        link=record.link,
        relevance=round(min(max(passage.similarity, 0.0), 1.0), 3),
        content_id=record.content_id,
        speaker=record.speaker,
        start_s=None if document else record.start_s,
        published_at=record.published_at,
        kind=EvidenceKind.FILE if document else EvidenceKind.MEMORY,
        publisher=record.publisher,
    )
