"""Who broke in on whom: by times that overlap, and by the marks that transcripts set where words are cut short."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, zip_longest
from typing import Final

from udib.analysis.sentences import Sentence
from udib.analysis.text import tokens, word_set
from udib.core.findings import Interruption, InterruptionSign
from udib.core.speech import Segment, Transcript

LEAST_OVERLAP_S: Final = 1.0
"""Seconds that two have to speak at once: to begin on another's last syllables is how turns change hands."""

_LATEST_START_S: Final = 0.5
"""Seconds from which one who began later broke in; before, both began at once."""
_ROUNDING_S: Final = 0.1
_MOST_OVER_ONESELF: Final = 0.05
_FEWEST_CHANGES: Final = 6
_DASH: Final = re.compile(r"[-\u2010-\u2015\u2212][\"'\u201d\u2019)\]]*\s*$")
_DOTS: Final = re.compile(r"(?:\u2026|\.\.\.)[\"'\u201d\u2019)\]]*\s*$")
_GOES_ON: Final = re.compile(r"[\"'\u201c\u2018(\[]*(?:\u2026|\.\.\.|[-\u2010-\u2015\u2212]|[^\W\d_A-Z])")
_MOST_HEARD: Final = 2
_LISTENING: Final = word_set(
    """yes yeah yep yup no nope right sure exactly absolutely true correct ok okay mm mhm hm hmm uh um huh oh ah wow
    really indeed agreed good great fine well so of course i see know totally definitely"""
)


@dataclass(frozen=True, slots=True)
class _Speech:
    """What one speaker says before another does, and from when to when."""

    speaker: str | None
    text: str
    start_s: float
    end_s: float
    sentences: tuple[Sentence, ...]

    @property
    def only_listens(self) -> bool:
        """Whether it says no more than that its speaker is listening."""
        said = [word.low for word in tokens(self.text)]
        return len(said) <= _MOST_HEARD or _LISTENING.issuperset(said)


def interruptions(transcript: Transcript, found: Sequence[Sentence]) -> tuple[Interruption, ...] | None:
    """Every place where one speaker broke in on another, who went on; None if the transcript cannot tell.

    It can where the times of two speakers overlap, or where a turn ends with a dash. Three dots are believed only where
    the sentence goes on after them: most of them are thoughts that trail off.
    """
    turns = _turns(transcript, found)
    timed = transcript.timed and _are_times_of_speech(transcript.segments)
    told = any(
        _DASH.search(one.text) or (timed and one.end_s - other.start_s > _ROUNDING_S) for one, other in _met(turns)
    )
    seen = tuple(_seen(turns, timed=timed))
    return seen if told or seen else None


def _turns(transcript: Transcript, found: Sequence[Sentence]) -> list[_Speech]:
    said = {turn: tuple(group) for turn, group in groupby(found, key=lambda sentence: sentence.turn)}
    turns = []
    for number, (speaker, group) in enumerate(groupby(transcript.segments, key=lambda segment: segment.speaker)):
        run = list(group)
        spans = [_span(segment) for segment in run]
        text = " ".join(segment.text for segment in run)
        turns.append(_Speech(speaker, text, spans[0][0], max(end_s for _, end_s in spans), said.get(number, ())))
    return turns


def _span(segment: Segment) -> tuple[float, float]:
    """From the first to the last word; a caption may be shown for longer than it is spoken."""
    if segment.words:
        return segment.words[0].start_s, segment.words[-1].end_s
    return segment.start_s, segment.end_s


def _are_times_of_speech(segments: Sequence[Segment]) -> bool:
    """Whether times say when words were spoken, not for how long captions are shown.

    Nobody talks over himself, and few talks consist of nothing but talking over each other.
    """
    alone: list[bool] = []
    changes: list[bool] = []
    for one, other in pairwise(segments):
        overlaps = _span(one)[1] - _span(other)[0] > _ROUNDING_S
        (alone if one.speaker == other.speaker else changes).append(overlaps)
    if sum(alone) > _MOST_OVER_ONESELF * len(alone):
        return False
    return len(changes) < _FEWEST_CHANGES or 2 * sum(changes) <= len(changes)


def _met(turns: Sequence[_Speech]) -> Iterator[tuple[_Speech, _Speech]]:
    """Turns that follow each other, both of a known speaker."""
    return ((one, other) for one, other in pairwise(turns) if None not in (one.speaker, other.speaker))


def _seen(turns: Sequence[_Speech], *, timed: bool) -> Iterator[Interruption]:
    for (before, turn), after in zip_longest(pairwise(turns), turns[2:]):
        if None in (before.speaker, turn.speaker) or not (before.sentences and turn.sentences):
            continue
        again = after if after is not None and after.speaker == before.speaker else None
        if timed and _overlaps(before, turn, again):
            began = [each for each in before.sentences if each.quote.start_s <= turn.start_s]
            broken, sign = began[-1] if began else before.sentences[0], InterruptionSign.OVERLAP
        elif again is not None and _is_cut(before.text, again.text):
            broken, sign = before.sentences[-1], InterruptionSign.CUT_SHORT
        else:
            continue
        if not turn.only_listens:  # asked last: few turns come to this, and it reads all their words
            yield Interruption(broken.quote, turn.sentences[0].quote, sign)


def _overlaps(before: _Speech, turn: _Speech, again: _Speech | None) -> bool:
    """Whether the first speaker talks on for long enough while the second one talks too."""
    on_s = max(before.end_s, again.end_s if again is not None and again.start_s < turn.end_s else 0.0)
    both_s = min(on_s, turn.end_s) - turn.start_s
    return before.end_s > turn.start_s >= before.start_s + _LATEST_START_S and both_s >= LEAST_OVERLAP_S


def _is_cut(text: str, again: str) -> bool:
    return bool(_DASH.search(text) or (_DOTS.search(text) and _GOES_ON.match(again)))
