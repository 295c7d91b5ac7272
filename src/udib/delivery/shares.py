"""Who spoke how much, as rows that every renderer shows alike."""

from dataclasses import dataclass

from udib.core.findings import Report, SpeakerShare
from udib.delivery import view
from udib.delivery.text import clean

_LEAST_REST = 0.005
"""Share of the talk time from which words without a name get a row of their own: less is rounding."""


@dataclass(frozen=True, slots=True)
class Row:
    """One speaker, or all who are not named. `share` is in [0, 1]; the `percent` of all rows make 100.

    `numbers` are talk time, words, turns and questions as text; what is not known is empty.
    """

    name: str
    share: float
    percent: int
    numbers: tuple[str, str, str, str]


def rows(report: Report) -> list[Row]:
    """The speakers, who spoke most first, then the talk time that has no name; none if nobody has one."""
    named = view.speakers(report)
    if not named:
        return []
    shares = [min(max(each.share, 0.0), 1.0) for each in named]
    rest = max(1.0 - sum(shares), 0.0)
    cells = [(clean(each.speaker), _numbers(each)) for each in named]
    if rest >= _LEAST_REST:
        shares.append(rest)
        cells.append(("not named", _numbers_of_rest(report, rest)))
    return [
        Row(name, share, percent, numbers)
        for (name, numbers), share, percent in zip(cells, shares, _percents(shares), strict=True)
    ]


def _numbers(each: SpeakerShare) -> tuple[str, str, str, str]:
    return view.clock(each.talk_s), f"{each.words:,}", str(each.turns), str(each.questions)


def _numbers_of_rest(report: Report, share: float) -> tuple[str, str, str, str]:
    """Time and words of the rest; its turns and questions are nobody's, and were not counted."""
    most = view.speakers(report)[0]
    talk_s = most.talk_s / most.share * share if most.share > 0 else 0.0
    words = report.transcript.words - sum(each.words for each in view.speakers(report))
    return view.clock(talk_s), f"{max(words, 0):,}", "", ""


def _percents(shares: list[float]) -> list[int]:
    """Whole percents that make 100 if the shares make 1: what rounding down loses goes to the largest remainders.

    Source: the largest remainder method of Hamilton.
    """
    exact = [share * 100 for share in shares]
    percents = [int(each) for each in exact]
    lost = min(round(sum(exact)) - sum(percents), len(exact))
    for place in sorted(range(len(exact)), key=lambda place: percents[place] - exact[place])[: max(lost, 0)]:
        percents[place] += 1
    return percents
