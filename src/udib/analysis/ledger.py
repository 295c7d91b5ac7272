"""The ledger of a debate: which points were raised, who answered them, which were dropped, and how the speeches do.

A model names passages by number and copies words of a point; who raised it, who answered, and that an answer comes
later and from somebody else is read off the transcript. The two speeches are graded twice, each of them first once:
judges, human or not, favour a place in the order. A grade that the order changes is no grade. Who did better is said
only if it is asked for, by counting the grades, and not if the two orders disagree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.gates import NOT_SAID, OTHER_SPEAKER, TOO_MANY, UNKNOWN_NUMBER, GateCount
from udib.analysis.passages import CitedPassage, PassageQuotes
from udib.analysis.quoting import QuoteGate
from udib.core.judging import DebateOutcome, DebatePoint, Dimension, Grade, SpeechGrade
from udib.core.speech import Quote, Transcript

MOST_POINTS: Final = 12
"""Points of one window that a model is asked for."""
NOT_LATER: Final = "answer_before_point"
_MOST_ANSWERS: Final = 3
_LEAST_SHARE: Final = 0.1
_WORTH: Final = {Grade.WEAK: 0, Grade.FAIR: 1, Grade.STRONG: 2}


@dataclass(frozen=True, slots=True)
class DraftedPoint:
    """A point as a model names it; nothing in it is checked."""

    raised: int
    words: str
    answers: list[int]


@dataclass(frozen=True, slots=True)
class PointsDraft:
    """What a model answers on one window."""

    points: list[DraftedPoint]


@dataclass(frozen=True, slots=True)
class SpeechGrades:
    """The grades of one speech."""

    argument: Grade
    evidence: Grade
    clash: Grade
    conduct: Grade


@dataclass(frozen=True, slots=True)
class GradesDraft:
    """What a model answers on two speeches, in the order in which it read them."""

    first: SpeechGrades
    second: SpeechGrades


class PointsGate:
    """Lets pass the points of one transcript that its passages bear out."""

    def __init__(self, transcript: Transcript) -> None:
        self.count = GateCount("points of the debate")
        self.answers = GateCount("answers to points")
        self._quotes = PassageQuotes(transcript)
        self._said = QuoteGate(transcript)

    def passed(self, draft: PointsDraft, shown: Mapping[int, CitedPassage]) -> tuple[DebatePoint, ...]:
        """The points of a draft that are believed."""
        self.count.drop(TOO_MANY, len(draft.points[MOST_POINTS:]))
        found = [self._point(drafted, shown) for drafted in draft.points[:MOST_POINTS]]
        return tuple(point for point in found if point is not None)

    def _point(self, drafted: DraftedPoint, shown: Mapping[int, CitedPassage]) -> DebatePoint | None:
        passage = shown.get(drafted.raised)
        if passage is None:
            self.count.drop(UNKNOWN_NUMBER)
            return None
        raised = self._said.find(drafted.words, within=(passage.first, passage.last))
        if raised is None:
            self.count.drop(NOT_SAID)
            return None
        self.count.keep()
        return DebatePoint(raised, self._answers(drafted, raised, passage, shown))

    def _answers(
        self, drafted: DraftedPoint, raised: Quote, passage: CitedPassage, shown: Mapping[int, CitedPassage]
    ) -> tuple[Quote, ...]:
        found: list[Quote] = []
        for number in dict.fromkeys(drafted.answers):
            answer = shown.get(number)
            if answer is None:
                self.answers.drop(UNKNOWN_NUMBER)
            elif answer.first <= passage.last:
                self.answers.drop(NOT_LATER)
            elif answer.speaker is None or answer.speaker == passage.speaker:
                self.answers.drop(OTHER_SPEAKER)
            elif len(found) == _MOST_ANSWERS:
                self.answers.drop(TOO_MANY)
            else:
                self.answers.keep()
                found += self._quotes.nearest(raised.text, [answer])
        return tuple(found)


def merged(parts: Iterable[Sequence[DebatePoint]]) -> tuple[DebatePoint, ...]:
    """The points of all windows in order of time; what overlapping windows both have, once, with all its answers."""
    found: dict[Quote, DebatePoint] = {}
    for point in (point for part in parts for point in part):
        answers = (*found[point.raised].answers, *point.answers) if point.raised in found else point.answers
        found[point.raised] = DebatePoint(point.raised, tuple(dict.fromkeys(answers)))
    return tuple(sorted(found.values(), key=lambda point: point.raised.start_s))


def two_sides(transcript: Transcript) -> tuple[str, str] | None:
    """The two speakers of a debate of two, in order of appearance; None if not just two say a tenth or more."""
    words = dict.fromkeys(transcript.speakers, 0)
    for segment in transcript.segments:
        if segment.speaker is not None:
            words[segment.speaker] += len(segment.text.split())
    main = [speaker for speaker, count in words.items() if count >= _LEAST_SHARE * transcript.word_count]
    return (main[0], main[1]) if len(main) == 2 else None


def thinned(passages: Sequence[CitedPassage], most: int) -> Sequence[CitedPassage]:
    """At most so many passages, evenly over all of them."""
    if len(passages) <= most:
        return passages
    return [passages[place * len(passages) // most] for place in range(most)]


def grades_of(sides: tuple[str, str], forth: GradesDraft, back: GradesDraft) -> tuple[SpeechGrade, ...]:
    """The grades on which both orders of reading agree.

    Args:
        sides: The two speakers.
        forth: What was answered with the first speaker's words before the second's.
        back: What was answered the other way round.
    """
    pairs = ((sides[0], forth.first, back.second), (sides[1], forth.second, back.first))
    return tuple(
        SpeechGrade(speaker, dimension, one if one is other else None)
        for speaker, read_forth, read_back in pairs
        for dimension in Dimension
        for one, other in [(_grade(read_forth, dimension), _grade(read_back, dimension))]
    )


def outcome_of(sides: tuple[str, str], forth: GradesDraft, back: GradesDraft) -> DebateOutcome:
    """Who has the better grades, a tie if the two orders of reading disagree."""
    by_order = (_better(sides, forth.first, forth.second), _better(sides, back.second, back.first))
    return DebateOutcome(by_order[0] if by_order[0] == by_order[1] else None, by_order)


def _better(sides: tuple[str, str], one: SpeechGrades, other: SpeechGrades) -> str | None:
    first, second = (sum(_WORTH[_grade(speech, dimension)] for dimension in Dimension) for speech in (one, other))
    if first == second:
        return None
    return sides[0] if first > second else sides[1]


def _grade(speech: SpeechGrades, dimension: Dimension) -> Grade:
    match dimension:
        case Dimension.ARGUMENT:
            return speech.argument
        case Dimension.EVIDENCE:
            return speech.evidence
        case Dimension.CLASH:
            return speech.clash
        case Dimension.CONDUCT:
            return speech.conduct
