"""What every caption format comes down to: cues with lines; and the repair of their times and of roll-up repetition."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from udib.core.speech import Word

LATEST_S = 100 * 3600.0
"""Seconds from the start of an item after which nothing is said: the longest streams last for days, not weeks."""
WORDS_PER_S = 2.5
"""Speed of ordinary speech (150 words a minute), for what has no times of its own."""
SLOWEST_WORDS_PER_S = 1.0
PAUSE_S = 6.0
"""Nobody takes longer over some words than this speed and one pause: what goes on until then is silence."""

# Share of cues that begin with a line of the cue before and then bring a new one; in written captions it is near 0.
_ROLL_UP_SHARE = 0.25
_ROLL_UP_LEAST = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cue, markup removed. `words` carry the file's own word times, if it has them."""

    text: str
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together. A time that the file lacks is None, one that cannot be read is NaN."""

    start_s: float | None
    end_s: float | None
    lines: tuple[Line, ...]


def spread(text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """The words of a text, with the time from start to end divided among them by their length."""
    words = text.split()
    per_character = (end_s - start_s) / max(sum(map(len, words)), 1)
    placed: list[Word] = []
    at = start_s
    for word in words:
        begin, at = at, at + len(word) * per_character
        placed.append(Word(word, round(begin, 3), round(at, 3)))
    return tuple(placed)


def with_usable_times(cues: Sequence[Cue]) -> tuple[list[Cue], list[int]]:
    """The cues without the times that cannot be true, and the numbers of the cues that had such times.

    Those are times that cannot be read, are below zero or beyond LATEST_S, an end before its start, and word times
    that go back.
    """
    kept: list[Cue] = []
    doubted: list[int] = []
    for number, cue in enumerate(cues):
        start_s, end_s = (second if is_usable(second) else None for second in (cue.start_s, cue.end_s))
        if start_s is not None and end_s is not None and end_s < start_s:
            end_s = None
        lines = tuple(line if _rises(line.words) else replace(line, words=()) for line in cue.lines)
        if (start_s, end_s, lines) == (cue.start_s, cue.end_s, cue.lines):
            kept.append(cue)
        else:
            kept.append(Cue(start_s, end_s, lines))
            doubted.append(number)
    return kept, doubted


def is_usable(second: float | None) -> bool:
    """Whether something can be said at that second."""
    return second is not None and 0 <= second <= LATEST_S


def _rises(words: Sequence[Word]) -> bool:
    return all(is_usable(word.start_s) and is_usable(word.end_s) and word.start_s <= word.end_s for word in words) and (
        all(one.start_s <= other.start_s and one.end_s <= other.end_s for one, other in pairwise(words))
    )


def in_order(cues: Sequence[Cue]) -> list[Cue]:
    """The cues in order of time, each with a start and an end, none reaching into the next.

    A missing start is the end of the cue before. An end that is missing or not after its start is where its words can
    end (`reached`), one after the next start is that. Cues that start together stay together.

    Args:
        cues: With usable times, see `with_usable_times`.

    Returns:
        Nothing if no cue has a start.
    """
    if all(cue.start_s is None for cue in cues):
        return []
    started = sorted(_with_starts(cues), key=lambda cue: cue.start_s or 0.0)
    repaired: list[Cue] = []
    following = math.inf
    for number in range(len(started) - 1, -1, -1):
        cue = started[number]
        start_s = cue.start_s or 0.0
        if number + 1 < len(started):
            after = started[number + 1].start_s or 0.0
            following = after if after > start_s else following
        repaired.append(replace(cue, end_s=_end(cue, start_s, following)))
    return repaired[::-1]


def _with_starts(cues: Sequence[Cue]) -> Iterator[Cue]:
    reached_s = 0.0
    for cue in cues:
        start_s = reached_s if cue.start_s is None else cue.start_s
        yield replace(cue, start_s=start_s)
        reached_s = max(start_s, cue.end_s or 0.0)


def _end(cue: Cue, start_s: float, following_s: float) -> float:
    if cue.end_s is not None and cue.end_s > start_s:
        return min(cue.end_s, following_s)
    return reached(sum(len(line.text.split()) for line in cue.lines), start_s, following_s)


def reached(words: int, start_s: float, following_s: float) -> float:
    """When some words are over that nothing but the next start tells the end of: then, or at ordinary speed before."""
    if following_s - start_s <= words / SLOWEST_WORDS_PER_S + PAUSE_S:
        return following_s
    return round(start_s + max(words / WORDS_PER_S, 1.0), 3)


def estimated_ends(cues: Sequence[Cue], placed: Sequence[Cue]) -> int:
    """How many ends of cues in order of time no file and no next start tells, so that they are estimates.

    Args:
        cues: With usable times, as the file has them.
        placed: The same `in_order`.
    """
    told = {(cue.start_s, cue.end_s) for cue in cues}
    return sum(
        (one.start_s, one.end_s) not in told and (one.end_s or 0.0) < (other.start_s or 0.0)
        for one, other in pairwise(placed)
    )


def without_carry_over(cues: Sequence[Cue]) -> tuple[list[Cue], bool]:
    """Each line once, where a file shows lines again while they roll up the screen; and whether it is such a file.

    Lines at the top of a cue are carried over if the cue before ended with them; a line with word times of its own
    never is. Other files are left alone, because there "No." after "No." was said twice.
    """
    shown: tuple[Line, ...] = ()
    fresh: list[Cue] = []
    rolling = 0
    for cue in cues:
        lines = tuple(line for line in cue.lines if line.text.strip())
        carried = _carried(shown, lines)
        rolling += 0 < carried < len(lines)
        if carried < len(lines):
            fresh.append(replace(cue, lines=lines[carried:]))
        shown = lines or shown
    timed = any(line.words for cue in cues for line in cue.lines)
    if (timed and rolling) or (rolling >= _ROLL_UP_LEAST and rolling >= _ROLL_UP_SHARE * len(cues)):
        return fresh, True
    return list(cues), False


def _carried(shown: tuple[Line, ...], lines: tuple[Line, ...]) -> int:
    """How many lines at the top of a cue are the last lines of the cue before."""
    untimed = next((number for number, line in enumerate(lines) if line.words), len(lines))
    for count in range(min(len(shown), untimed), 0, -1):
        if all(_same(a, b) for a, b in zip(shown[-count:], lines[:count], strict=True)):
            return count
    return 0


def _same(before: Line, after: Line) -> bool:
    return before.text.split() == after.text.split()
