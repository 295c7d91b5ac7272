"""Where the audience of a live chat speaks up: windows in which far more people write than they usually do."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Final

from udib.analysis.sentences import Sentence, sentences
from udib.analysis.text import STOP_WORDS
from udib.core.computing import computed
from udib.core.live_chat import ChatActivity, ChatMessage, ChatPeak
from udib.core.speech import Quote, Transcript

WINDOW_S: Final = 20.0
MOST_PEAKS: Final = 10
FAR: Final = 3.5
"""Modified z-score from which a window stands out.

Source: Iglewicz and Hoaglin, "How to detect and handle outliers", 1993.
"""
_FEWEST_WRITERS: Final = 5
_TIMES_USUAL: Final = 2.0
_REACTION_S: Final = 8.0
"""People answer what was said some seconds before: they read, write, and see the stream late."""
_FEWEST_WINDOWS: Final = 6
_MOST_WORDS: Final = 3
_FEWEST_SAY: Final = 3
_SHARE_SAY: Final = 0.1
"""Of those who write in a peak, the share that must have written a word."""
_WORD: Final = re.compile(r"(?<![\w@#/.:])[^\W\d_]\w{1,23}(?![\w@/:]|\.\w)")


@dataclass(frozen=True, slots=True)
class _Window:
    number: int
    score: float


async def chat_activity(transcript: Transcript, messages: Sequence[ChatMessage]) -> ChatActivity:
    """How much was written, and the most outstanding peaks.

    People are counted, not messages: one who floods the chat makes no peak.
    """
    return await computed(_activity, transcript, messages)


def _activity(transcript: Transcript, messages: Sequence[ChatMessage]) -> ChatActivity:
    ordered = sorted(messages, key=lambda each: each.time_s)
    within: defaultdict[int, list[ChatMessage]] = defaultdict(list)
    for each in ordered:
        within[int(each.time_s // WINDOW_S)].append(each)
    everybody = {each.writer for each in ordered}
    last = max(within, default=-1)
    counts = [len({each.writer for each in within.get(number, ())}) for number in range(last + 1)]
    said = sentences(transcript)
    usual = median(counts) if counts else 0.0
    strongest = sorted(_stretches(counts, usual), key=lambda run: -max(window.score for window in run))[:MOST_PEAKS]
    names = {each.casefold() for each in everybody}
    peaks = []
    for run in strongest:
        inside = [each for window in run for each in within[window.number]]
        first = run[0].number * WINDOW_S
        peaks.append(
            ChatPeak(
                start_s=first,
                end_s=(run[-1].number + 1) * WINDOW_S,
                messages=len(inside),
                writers=max(counts[window.number] for window in run),
                usual=float(usual),
                words=_words(inside, names),
                # Its first quarter, not its first message: somebody always writes something.
                said=_said_at(said, inside[len(inside) // 4].time_s - _REACTION_S),
            )
        )
    return ChatActivity(len(ordered), len(everybody), tuple(sorted(peaks, key=lambda peak: peak.start_s)))


def _stretches(counts: Sequence[int], usual: float) -> Iterator[list[_Window]]:
    """The windows that stand out, neighbours together."""
    if len(counts) < _FEWEST_WINDOWS:
        return
    scale = _scale(counts, usual)
    least = max(_FEWEST_WRITERS, _TIMES_USUAL * usual)
    out = [
        _Window(number, (count - usual) / scale)
        for number, count in enumerate(counts)
        if count >= least and scale and (count - usual) / scale >= FAR
    ]
    for _, run in groupby(enumerate(out), key=lambda pair: pair[1].number - pair[0]):
        yield [window for _, window in run]


def _scale(counts: Sequence[int], usual: float) -> float:
    """What a z-score is measured in: the median of the deviations, or their mean where more than half are none."""
    deviations = [abs(count - usual) for count in counts]
    return median(deviations) / 0.6745 or 1.253314 * sum(deviations) / len(deviations)


def _words(inside: Sequence[ChatMessage], names: set[str]) -> tuple[str, ...]:
    """What most people wrote in it, by how many of them did."""
    said_by: defaultdict[str, set[str]] = defaultdict(set)
    spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in inside:
        for word in _WORD.findall(each.text):
            low = word.casefold()
            if low not in STOP_WORDS and low not in names:
                said_by[low].add(each.writer)
                spelt[low][word] += 1
    least = max(_FEWEST_SAY, _SHARE_SAY * len({each.writer for each in inside}))
    common = sorted((low for low in said_by if len(said_by[low]) >= least), key=lambda low: -len(said_by[low]))
    return tuple(spelt[low].most_common(1)[0][0] for low in common[:_MOST_WORDS])


def _said_at(said: Sequence[Sentence], second: float) -> Quote | None:
    """The sentence that was being said at a second, or that had just ended."""
    place = bisect_right([each.quote.start_s for each in said], max(second, 0.0)) - 1
    if place < 0:
        return None
    quote = said[place].quote
    return quote if second - quote.end_s <= WINDOW_S else None
