"""The map of a debate: who spoke how much, argued what, agreed, clashed, broke in, was not answered."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, pairwise, takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udib.analysis.agreements import Nod, agreements, nods
from udib.analysis.arguments import arguments
from udib.analysis.claims import proper_names
from udib.analysis.contradictions import (
    NEAREST_NUMBER,
    Difference,
    Similarity,
    differences,
    subject,
)
from udib.analysis.interruptions import interruptions
from udib.analysis.key_points import key_points
from udib.analysis.language import is_english
from udib.analysis.polarity import denies
from udib.analysis.sentences import Sentence, sentences
from udib.analysis.stated import Statement, counting_words, statements
from udib.analysis.text import (
    Token,
    content_stems,
    figures,
    is_negation,
    is_question,
    plain,
    tokens,
    word_set,
)
from udib.core.computing import computed
from udib.core.findings import Argument, Clash, Contradiction, DebateMap, Interruption, Role, SpeakerShare
from udib.core.speech import Quote, Transcript
from udib.core.vectors import Embedder

NEAREST_CLASH: Final = 0.3
"""Cosine from which an answer and a sentence before it are on one subject, on top of a word that both share."""

MOST_OF_A_KIND: Final = 5000
"""Findings of a kind that a report holds: arguments, clashes, agreements, interruptions, contradictions, questions.

A day of debate has about 4,000 arguments. One more is given where there are more, so that the report can say so.
"""

_TEXTS_AT_ONCE: Final = 512
_FEWEST_QUESTION_WORDS: Final = 5
_FEWEST_ANSWER_WORDS: Final = 13
"""A shorter reply may always be the answer: "Twice, cover to cover"."""
_FEWEST_ASKED: Final = 2  # content words of a question, below which nothing can be said about its answer
_ANSWERED = re.compile(
    r"^(?:(?:well|oh|look|so|and),? )*(?:yes|yeah|no|nope|sure|of course|absolutely|exactly|definitely"
    r"|certainly|not (?:at all|really)|i (?:do|don't|did|didn't|would|wouldn't|have|haven't|am|can|can't|will"
    r"|won't|think so|don't know|agree)|because|it depends|maybe|that's right|correct|right)\b"
)
_YES_OR_NO = re.compile(
    r"^(?:(?:so|and|but|well),? )*(?:will|would|do|did|have|are|were|can|could|should) you \w+[^,;:]{0,40}\?"
)
_POINTS_AT_ONCE: Final = word_set("it that this these those he she they there here")
_DENIED = re.compile(r"\b(?:a lie|lies|false|nonsense|untrue|made up|rubbish)\b")
_FEWEST_ELSEWHERE: Final = 4
_POINTS_BACK: Final = word_set(
    """i i'm we me my mine us our you your he she it they him her his its their them that this these those there here
    such so yes no yeah nope sure maybe perhaps probably absolutely exactly right correct ok okay indeed course
    definitely certainly because if when never always not
    once twice often sometimes daily ago still already"""
)
_HOW_MUCH = re.compile(r"\bhow (?:much|many|often|long|high|big|old|far)\b|\bwhat (?:share|percentage|number|year)\b")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What needs no embedding: the clashes and contradictions are still candidates."""

    shares: tuple[SpeakerShare, ...]
    arguments: tuple[Argument, ...] = ()
    statements: tuple[Statement, ...] = ()
    contradictions: tuple[Difference, ...] = ()
    clashes: tuple[Difference, ...] = ()
    answers: tuple[tuple[Sentence, tuple[Sentence, ...]], ...] = ()
    unanswered: tuple[Quote, ...] = ()
    nods: tuple[Nod, ...] = ()
    names: frozenset[str] = frozenset()
    interruptions: tuple[Interruption, ...] | None = None

    def texts(self) -> list[str]:
        """All sentences whose nearness in meaning decides something."""
        pairs = [
            side.sentence.text for pair in (*self.contradictions, *self.clashes) for side in (pair.earlier, pair.later)
        ]
        replies = [text for reply, said in self.answers for text in (reply.text, *(each.text for each in said))]
        agreed = [text for nod in self.nods for text in nod.texts]
        return list(dict.fromkeys([*pairs, *replies, *agreed]))


async def map_debate(transcript: Transcript, embedder: Embedder) -> DebateMap:
    """Map a debate. One that is not English gets only the speakers' shares and who broke in on whom."""
    draft = await computed(_draft, transcript)
    near = await nearness(counting_words(draft.statements), embedder)
    draft = await computed(_compared, draft, near)
    near = await nearness(draft.texts(), embedder)
    found = await computed(_map, draft, near)
    return replace(found, points=await key_points(draft.arguments, embedder))


async def nearness(texts: Sequence[str], embedder: Embedder) -> Similarity:
    """The cosine of any two of these texts, in [0, 1]; 0.0 for a text that is none of them."""
    known: dict[str, NDArray[np.float64]] = {}
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        known.update(zip(some, np.asarray(await embedder.embed(some), dtype=np.float64), strict=True))

    def near(one: str, other: str) -> float:
        if one not in known or other not in known:
            return 0.0
        return min(max(float(known[one] @ known[other]), 0.0), 1.0)

    return near


def speaker_shares(transcript: Transcript, found: Sequence[Sentence]) -> tuple[SpeakerShare, ...]:
    """Talk time, words, turns and questions of each speaker that has a label, in order of appearance."""
    talk_s: defaultdict[str | None, float] = defaultdict(float)
    words: Counter[str | None] = Counter()
    for segment in transcript.segments:
        talk_s[segment.speaker] += segment.end_s - segment.start_s
        words[segment.speaker] += len(segment.text.split())
    turns = Counter(speaker for speaker, _ in groupby(transcript.segments, key=lambda segment: segment.speaker))
    questions = Counter(each.quote.speaker for each in found if is_question(each.text))
    total = sum(talk_s.values())
    return tuple(
        SpeakerShare(
            speaker,
            talk_s=round(talk_s[speaker], 3),
            share=round(talk_s[speaker] / total, 4) if total > 0 else 0.0,
            words=words[speaker],
            turns=turns[speaker],
            questions=questions[speaker],
        )
        for speaker in transcript.speakers
    )


@dataclass(frozen=True, slots=True)
class PutQuestion:
    """A question put to the other side, and whether its answer takes up anything of it."""

    quote: Quote
    answered: bool


def put_questions(found: Sequence[Sentence], speakers: Sequence[str]) -> Iterator[PutQuestion]:
    """Questions put to the other side at the end of a turn."""
    turns = [list(turn) for _, turn in groupby(found, key=lambda sentence: sentence.turn)]
    names = {word.casefold() for speaker in speakers for word in speaker.split()}
    for turn, answer in pairwise(turns):
        # A question that its speaker goes on from was not put to anybody.
        closing = list(takewhile(lambda sentence: is_question(sentence.text), reversed(turn)))
        for sentence in reversed(closing):
            if _is_put(sentence, names):
                yield PutQuestion(sentence.quote, _takes_up(sentence, answer, names))


def _draft(transcript: Transcript) -> _Draft:
    found = sentences(transcript)
    shares, cut = speaker_shares(transcript, found), interruptions(transcript, found)
    if not is_english(transcript):
        return _Draft(shares, interruptions=cut)
    parts = arguments(transcript, found)
    names = proper_names(each.tokens for each in found)
    asked = tuple(put_questions(found, transcript.speakers))
    put = Counter(each.quote.speaker for each in asked)
    return _Draft(
        tuple(replace(share, put=put[share.speaker]) for share in shares),
        parts,
        tuple(statements(found)),
        answers=tuple(_answers(found, parts, names)),
        unanswered=tuple(each.quote for each in asked if not each.answered),
        nods=tuple(nods(found, transcript.speakers)),
        names=names,
        interruptions=cut,
    )


def _compared(draft: _Draft, near: Similarity) -> _Draft:
    """The draft with the differences between its statements."""
    # Where a speaker has no label, a difference may be one person's or two people's: nothing is said about it.
    pairs = [pair for pair in differences(draft.statements, near) if None not in pair.speakers]
    return replace(
        draft,
        contradictions=tuple(pair for pair in pairs if len(set(pair.speakers)) == 1),
        clashes=tuple(pair for pair in pairs if len(set(pair.speakers)) == 2),
    )


def _answers(
    found: Sequence[Sentence], parts: Sequence[Argument], names: frozenset[str]
) -> Iterator[tuple[Sentence, tuple[Sentence, ...]]]:
    """Each rebuttal that opens a turn, with the statements of the turn before of which it denies something."""
    rebuttals = {(part.quote.first, part.quote.text) for part in parts if part.role is Role.REBUTTAL}
    turns = [list(turn) for _, turn in groupby(found, key=lambda sentence: sentence.turn)]
    for before, turn in pairwise(turns):
        if (turn[0].quote.first, turn[0].text) in rebuttals:
            denied = tuple(
                each for each in before if not is_question(each.text) and denies(turn[0].text, each.text, names)
            )
            if denied:
                yield turn[0], denied


def _map(draft: _Draft, near: Similarity) -> DebateMap:
    clashes = [*_answer_clashes(draft.answers, near), *_stated_clashes(draft.clashes, near)]
    clashes.sort(key=lambda clash: clash.second.start_s)
    found = {(clash.first, clash.second): clash for clash in clashes}
    # "True, but" about one and the same statement is the clash, not the agreement.
    agreed = (each for each in agreements(draft.nods, near, draft.names) if (each.said, each.agreed) not in found)
    return DebateMap(
        speakers=draft.shares,
        arguments=tuple(islice(draft.arguments, MOST_OF_A_KIND + 1)),
        clashes=tuple(islice(found.values(), MOST_OF_A_KIND + 1)),
        contradictions=tuple(islice(_contradictions(draft.contradictions, near), MOST_OF_A_KIND + 1)),
        unanswered=tuple(islice(draft.unanswered, MOST_OF_A_KIND + 1)),
        agreements=tuple(islice(agreed, MOST_OF_A_KIND + 1)),
        interruptions=draft.interruptions and draft.interruptions[: MOST_OF_A_KIND + 1],
    )


def _contradictions(found: Sequence[Difference], near: Similarity) -> Iterator[Contradiction]:
    for pair in found:
        similarity = near(pair.earlier.sentence.text, pair.later.sentence.text)
        if pair.holds(similarity):
            one, other = pair.earlier.sentence.quote, pair.later.sentence.quote
            yield Contradiction(one, other, pair.kind, pair.subject, round(similarity, 3))


def _stated_clashes(found: Sequence[Difference], near: Similarity) -> Iterator[Clash]:
    for pair in found:
        if near(pair.earlier.sentence.text, pair.later.sentence.text) >= NEAREST_NUMBER:
            yield Clash(pair.earlier.sentence.quote, pair.later.sentence.quote, pair.subject)


def _answer_clashes(answers: Sequence[tuple[Sentence, tuple[Sentence, ...]]], near: Similarity) -> Iterator[Clash]:
    """The rebuttals, each with the sentence that it most likely answers, if it shares a word with it."""
    for reply, said in answers:
        words = reply.tokens
        own = set(content_stems(words))
        scored = [(len(own & set(content_stems(each.tokens))), near(reply.text, each.text), each) for each in said]
        shared, similarity, target = max(scored, key=lambda entry: (entry[0] > 0, entry[0] / 10 + entry[1]))
        if shared and similarity >= NEAREST_CLASH:
            both = own & set(content_stems(target.tokens))
            yield Clash(target.quote, reply.quote, subject(words, both))


def _is_put(sentence: Sentence, names: set[str]) -> bool:
    """Whether a sentence asks the other side something that can be answered."""
    words = [word.low for word in sentence.tokens]
    if not is_question(sentence.text):
        return False
    if _YES_OR_NO.search(sentence.text.casefold()):
        return True
    if len(words) < _FEWEST_QUESTION_WORDS:
        return False
    return any(word in names or word.split("'")[0] in {"you", "your"} for word in words)


def _takes_up(question: Sentence, answer: Sequence[Sentence], names: set[str]) -> bool:
    said = " ".join(sentence.text for sentence in answer)
    words = tokens(said)
    asked = {one for one in content_stems(question.tokens) if one not in names}
    if _YES_OR_NO.search(question.text.casefold()) and _is_elsewhere(words, asked):
        return False
    if _is_reply(plain(said), words, answer):
        return True
    if _HOW_MUCH.search(question.text.casefold()) and figures(words):
        return True
    return len(asked) < _FEWEST_ASKED or bool(asked & set(content_stems(words)))


def _is_reply(low: str, words: Sequence[Token], answer: Sequence[Sentence]) -> bool:
    """Whether something may be an answer whatever was asked: it is short, says so, denies, or points back at once."""
    opening = answer[0].tokens if answer else ()
    points_back = bool(opening) and opening[0].low.split("'")[0] in _POINTS_AT_ONCE
    return (
        (len(words) < _FEWEST_ANSWER_WORDS and not is_question(low))
        or bool(_ANSWERED.search(low) or _DENIED.search(low))
        or any(map(is_negation, words[:_FEWEST_ANSWER_WORDS]))
        or (points_back and len(opening) < _FEWEST_ANSWER_WORDS)
    )


def _is_elsewhere(words: Sequence[Token], asked: set[str]) -> bool:
    """Whether an answer, however short, is plainly on something else: not on the speaker, nor on anything named before.

    Who speaks of himself or points back may well answer a question after all.
    """
    if len(words) < _FEWEST_ELSEWHERE or not asked or asked & set(content_stems(words)):
        return False
    return not any(word.low.split("'")[0] in _POINTS_BACK or is_negation(word) for word in words)
