"""The geometry of a report's two pictures: talk and findings over the time of the item, stages over that of the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from udib.core.findings import Report, StageTiming
from udib.core.speech import Quote
from udib.delivery import audience, view
from udib.delivery.places import Places, whole
from udib.delivery.text import clean
from udib.delivery.vtt import WrittenCue

WIDTH = 1000.0
LEFT = 130.0
LANE = 34.0
_RIGHT = 12.0
_TOP = 8.0
_NARROWEST = 3.0
_GLYPH = 7.2
"""Mean width of a letter at the pictures' text size, for cutting titles to their boxes."""
_MOST_SPEAKERS = 6
_TICKS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_FINE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_MOST_TICKS = 9
_THIN = 12.0
"""How far a bar of talk stays away from the edges of its lane: claims stand out of it."""
_FAINTEST = 0.6
"""Opacity of the claim that is least worth checking; below it the bar could not be told from its lane."""
_PAUSE_S = 1.5
"""A shorter pause belongs to the turn."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in a lane, in the picture's units. `kind` chooses its colour; `strength` in [0, 1] its weight.

    `href` leads to `second`.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    href: str | None = None
    text: str = ""
    strength: float = 1.0
    second: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across all lanes, with its time."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of the picture. `y` is its top."""

    name: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a template needs to draw. `arcs` join the two places of a contradiction: (x, x, y)."""

    height: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    arcs: tuple[tuple[float, float, float], ...] = ()

    @property
    def bottom(self) -> float:
        """Where the lanes end and the times of the ticks begin."""
        return _TOP + len(self.lanes) * LANE


def findings_picture(report: Report, places: Places, said: Sequence[WrittenCue] = ()) -> Picture | None:
    """Chapters, who spoke and claimed, hints and contradictions over the time of the item; None if there are none.

    `said` are the words with their speakers, where they are known.
    """
    span_s = max(view.length_s(report), *(quote.end_s for quote in _all_quotes(report)), 1.0)
    axis = _Axis(places, span_s)
    rows = [
        _chapters(report, axis),
        *_speakers(report, axis, said),
        _peaks(report, axis),
        _hints(report, axis),
        _pairs(report, axis),
    ]
    lanes = tuple(_lane(name, number, marks) for number, (name, marks) in enumerate(row for row in rows if row[1]))
    if not lanes:
        return None
    low = lanes[-1].y + LANE / 2
    within = [pair for pair in view.contradictions(report) if pair.earlier_source is None]
    arcs = tuple((axis.x(pair.earlier.start_s), axis.x(pair.later.start_s), low) for pair in within)
    return Picture(_TOP + len(lanes) * LANE + 22, lanes, _ticks(span_s, _TICKS, view.clock), arcs)


def stages_picture(stages: Sequence[StageTiming]) -> Picture | None:
    """One lane a stage over the time of the run; None if no stage was timed."""
    if not stages:
        return None
    span_s = max(0.001, *(stage.end_s for stage in stages))
    lanes = []
    for number, stage in enumerate(stages):
        width = max((stage.end_s - stage.start_s) / span_s * _plot(), _NARROWEST)
        took = view.lasted(stage.end_s - stage.start_s)
        x = min(LEFT + stage.start_s / span_s * _plot(), WIDTH - _RIGHT - width)
        kind = "reused" if stage.reused else stage.status.value
        lanes.append(_lane(view.words(stage.stage), number, [Mark(x, 7, width, LANE - 14, kind, took, text=took)]))
    return Picture(
        _TOP + len(lanes) * LANE + 22, tuple(lanes), _ticks(span_s, (*_FINE_TICKS, *_TICKS), "{:g} s".format)
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    places: Places
    span_s: float

    def x(self, second: float) -> float:
        return round(LEFT + min(max(second / self.span_s, 0.0), 1.0) * _plot(), 1)

    def box(self, start_s: float, end_s: float, kind: str, title: str) -> Mark:
        x = self.x(start_s)
        width = max(round(self.x(end_s) - x, 1), _NARROWEST)
        href = self.places.link(start_s)
        return Mark(x, 6, width, LANE - 12, kind, f"{view.clock(start_s)} {clean(title)}", href, second=whole(start_s))


def _chapters(report: Report, axis: _Axis) -> tuple[str, list[Mark]]:
    marks = []
    for number, chapter in enumerate(report.outline.chapters if report.outline else ()):
        box = axis.box(chapter.start_s, chapter.end_s, f"chapter{number % 2}", chapter.title)
        text = _fitting(clean(chapter.title), box.width - 12)
        marks.append(replace(box, width=max(box.width - 2, 1), text=text))
    return "Chapters", marks


def _speakers(report: Report, axis: _Axis, said: Sequence[WrittenCue]) -> list[tuple[str, list[Mark]]]:
    """A lane for each speaker: when they spoke, and on top of it their claims. From the seventh on they share one."""
    checks = sorted(view.checks(report), key=lambda check: check.claim.quote.start_s)
    named = [view.who(check.claim.quote) for check in checks]
    order = list(dict.fromkeys([*(clean(each.speaker) for each in view.speakers(report)), *named]))
    lanes: dict[str, list[Mark]] = {name: [] for name in order[:_MOST_SPEAKERS]}
    for name, start_s, end_s in _turns(said, axis.span_s):
        if name in order:
            lane = lanes.setdefault(name if name in lanes else "Others", [])
            lane.append(replace(axis.box(start_s, end_s, "talk", f"{name} speaks"), y=_THIN, height=LANE - 2 * _THIN))
    for check, name in zip(checks, named, strict=True):
        quote = check.claim.quote
        box = axis.box(quote.start_s, quote.end_s, f"claim {view.tone(check)}", f"{name}: {quote.text}")
        strength = round(_FAINTEST + (1 - _FAINTEST) * min(max(check.claim.check_worthiness, 0.0), 1.0), 2)
        lanes.setdefault(name if name in lanes else "Others", []).append(replace(box, strength=strength))
    return list(lanes.items())


def _turns(said: Sequence[WrittenCue], span_s: float) -> list[tuple[str, float, float]]:
    """Who spoke from when to when; what is nearer than can be drawn is one turn."""
    turns: list[tuple[str, float, float]] = []
    nearest_s = max(span_s / _plot(), _PAUSE_S)
    for cue in said:
        if cue.speaker is None:
            continue
        name = clean(cue.speaker)
        if turns and turns[-1][0] == name and cue.start_s - turns[-1][2] <= nearest_s:
            turns[-1] = (name, turns[-1][1], max(cue.end_s, turns[-1][2]))
        else:
            turns.append((name, cue.start_s, cue.end_s))
    return turns


def _hints(report: Report, axis: _Axis) -> tuple[str, list[Mark]]:
    marks = [
        axis.box(hint.quote.start_s, hint.quote.end_s, "hint", f"{view.possibility(hint)}: {hint.quote.text}")
        for hint in view.hints(report)
    ]
    return "Hints", marks


def _peaks(report: Report, axis: _Axis) -> tuple[str, list[Mark]]:
    peaks = audience.peaks(report)
    return "Chat peaks", [axis.box(peak.start_s, peak.end_s, "peak", audience.told(peak)) for peak in peaks]


def _pairs(report: Report, axis: _Axis) -> tuple[str, list[Mark]]:
    pairs = view.contradictions(report)
    quotes = [pair.earlier for pair in pairs if pair.earlier_source is None] + [pair.later for pair in pairs]
    return "Contradictions", [
        axis.box(quote.start_s, quote.end_s, "pair", f"{view.who(quote)}: {quote.text}") for quote in quotes
    ]


def _all_quotes(report: Report) -> list[Quote]:
    quotes = [check.claim.quote for check in view.checks(report)] + [hint.quote for hint in view.hints(report)]
    return quotes + [pair.later for pair in view.contradictions(report)]


def _lane(name: str, number: int, marks: Sequence[Mark]) -> Lane:
    y = _TOP + number * LANE
    return Lane(_fitting(name, LEFT - 8), y, tuple(replace(mark, y=mark.y + y) for mark in marks))


def _ticks(span_s: float, steps: Sequence[float], name: Callable[[float], str]) -> tuple[Tick, ...]:
    step = next((step for step in steps if span_s / step <= _MOST_TICKS), span_s / _MOST_TICKS)
    return tuple(
        Tick(round(LEFT + number * step / span_s * _plot(), 1), name(number * step))
        for number in range(int(span_s / step) + 1)
    )


def _plot() -> float:
    return WIDTH - LEFT - _RIGHT


def _fitting(title: str, width: float) -> str:
    room = int(width / _GLYPH)
    return title if len(title) <= room else f"{title[: room - 1].rstrip()}\u2026" if room > 3 else ""
