"""`udib correct`: find what a reader means in a report, and keep what they say is right."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from udib.app import present
from udib.app.commands import Options, named_content, note_change, opened
from udib.app.report_cli import Right, Wrong
from udib.core.corrected import names_of, quotes_in, quotes_of
from udib.core.corrections import UNFAIR, WHO_SAID_WHAT, Correction, CorrectionKind
from udib.core.errors import BadRequestError
from udib.core.findings import Label, Report
from udib.core.speech import Quote
from udib.core.types import ChangeKind, ContentId
from udib.delivery import corrections as told
from udib.delivery.text import clean
from udib.delivery.view import clock

_CLOCK: Final = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")
_LONGEST: Final = {"words": 1000, "name": 200, "note": 1000, "by": 200}
_MARGIN_S: Final = 1.0
_NEAREST: Final = 4
_PARTS: Final = {
    CorrectionKind.VERDICT: "claim",
    CorrectionKind.HINT: "hint",
    CorrectionKind.QUOTE: "quote",
    CorrectionKind.ATTRIBUTION: "quote",
}


@dataclass(frozen=True, slots=True)
class Corrections:
    """The corrections of one item, as JSON."""

    content_id: ContentId
    corrections: tuple[Correction, ...]
    schema: str = "udib.corrections/1"


async def listed(reference: str, options: Options) -> int:
    """Print the corrections of an item, each with the id that withdraws it."""
    async with opened(options) as app:
        content = await named_content(app, reference)
        report = await app.catalogue.report(app.scope, content.id)
        _emit(content.id, report.corrections if report else (), options)
        return 0


async def withdraw(reference: str, correction_id: str, options: Options) -> int:
    """Take a correction back, and write the report's files anew."""
    async with opened(options) as app:
        content = await named_content(app, reference)
        if not await app.catalogue.withdraw_correction(app.scope, content.id, correction_id):
            raise BadRequestError(f"{content.title!r} has no correction {correction_id!r}; `udib correct` lists them.")
        _emit(content.id, (await app.pipeline.retell(content.id)).corrections, options)
        return 0


async def correct(reference: str, wrong: Wrong, right: Right, options: Options, *, by: str, note: str) -> int:
    """Keep what a reader says is right, and write the report's files anew."""
    kind, corrected = _meant(right)
    for name, value in (("words", right.words), ("name", right.name), ("note", note), ("by", by)):
        _checked(name, value)
    if wrong.quote is not None and not clean(wrong.quote):
        raise BadRequestError("--quote is empty; give it some of the words, or leave it out.")
    async with opened(options) as app:
        content = await named_content(app, reference)
        report = await app.catalogue.report(app.scope, content.id)
        if report is None:
            raise BadRequestError(f"{content.title!r} is not finished; {present.ways_on(content)}.")
        speaker, quote = _about(report, kind, wrong, right)
        made = Correction(
            id=_id(kind, quote, speaker, by),
            content_id=content.id,
            kind=kind,
            quote=quote.text if quote else "",
            start_s=quote.start_s if quote else 0.0,
            corrected=corrected,
            by=clean(by),
            made_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            note=clean(note),
            speaker=speaker,
        )
        await app.catalogue.correct(app.scope, made)
        if kind in WHO_SAID_WHAT:  # others may cite them as evidence
            await note_change(app, await app.catalogue.citing(app.scope, content.id), ChangeKind.CORRECTED)
        _emit(content.id, (await app.pipeline.retell(content.id)).corrections, options)
        return 0


def _meant(right: Right) -> tuple[CorrectionKind, str]:
    """What kind of correction was given, and its value.

    Raises:
        BadRequestError: None was given, or several, or it is no label of a verdict.
    """
    given = {
        CorrectionKind.VERDICT: right.verdict,
        CorrectionKind.QUOTE: right.words,
        CorrectionKind.SPEAKER if right.speaker is not None else CorrectionKind.ATTRIBUTION: right.name,
        CorrectionKind.HINT: UNFAIR if right.unfair else None,
    }
    found = [(kind, value) for kind, value in given.items() if value is not None]
    if len(found) != 1:
        raise BadRequestError("Say one thing that is right: --verdict, --words, --name (with --speaker) or --unfair.")
    [(kind, value)] = found
    if kind is CorrectionKind.VERDICT and value not in set(Label):
        raise BadRequestError(f"There is no verdict {value!r}; there are {', '.join(Label)}.")
    return kind, clean(value)


def _checked(name: str, value: str | None) -> None:
    if value is not None and len(value) > _LONGEST[name]:
        raise BadRequestError(f"--{name} has {len(value)} characters; at most {_LONGEST[name]} are kept.")
    if value is not None and name != "note" and not clean(value):
        raise BadRequestError(f"--{name} is empty; give it a value, or leave it out.")


def _about(report: Report, kind: CorrectionKind, wrong: Wrong, right: Right) -> tuple[str | None, Quote | None]:
    """The label of whom a correction is about, and the words."""
    if kind is CorrectionKind.SPEAKER:
        return _speaker(report, right.speaker or "")
    quote = found_quote(quotes_of(report, kind), wrong, _PARTS[kind])
    return quote.speaker, quote


def _speaker(report: Report, name: str) -> tuple[str, Quote | None]:
    """The label in the transcript of a speaker, who may have been given a name before, and their longest quote.

    Raises:
        BadRequestError: Nobody, or more than one label, is called so.
    """
    given = names_of(report.corrections)
    shown = sorted(
        {*(report.outline.speakers if report.outline else ()), *(q.speaker or "" for q in quotes_in(report))}
    )
    labels = {label.casefold(): right for label, right in given.items()}
    wanted = labels.get(name.casefold(), name).casefold()
    called = next((each for each in shown if each and each.casefold() == wanted), None)
    if called is None:
        there = ", ".join(each for each in shown if each) or "nobody with a name"
        raise BadRequestError(f"Nobody is called {name!r} in this report; there is {there}.")
    same = [label for label, right in given.items() if right == called]
    if len(same) > 1:
        raise BadRequestError(
            f"{' and '.join(same)} are both called {called!r} by corrections; withdraw one of these first."
        )
    theirs = [quote for quote in quotes_in(report) if quote.speaker == called]
    return same[0] if same else called, max(theirs, key=lambda quote: len(quote.text), default=None)


def found_quote(quotes: Sequence[Quote], wrong: Wrong, part: str) -> Quote:
    """The one quote that a place means.

    Raises:
        BadRequestError: No place was given, or there is nothing; the sentence says what is near.
    """
    if wrong.at is None and wrong.quote is None:
        raise BadRequestError(f"Say which {part}: --at 4:19, or --quote with some of its words.")
    words = " ".join((wrong.quote or "").casefold().split())
    found = [quote for quote in quotes if words in quote.text.casefold()]
    if wrong.at is None:
        if len({quote.start_s for quote in found}) > 1:
            raise BadRequestError(f"These words are in {len(found)} places: {_times(found)}. Add --at.")
        second = 0.0
    else:
        second = second_of(wrong.at)
        found = [quote for quote in found if quote.start_s - _MARGIN_S <= second <= quote.end_s + _MARGIN_S]
    if not found:
        near = sorted(quotes, key=lambda quote: abs(quote.start_s - second))[:_NEAREST]
        there = f"the nearest are at {_times(near)}" if near else "the report has none"
        where = f"at {wrong.at}" if wrong.at else "with these words"
        raise BadRequestError(f"There is no {part} {where}; {there}.")
    return min(found, key=lambda quote: (int(quote.start_s) != int(second), abs(quote.start_s - second)))


def second_of(text: str) -> float:
    """A time as people write it: `4:19`, `1:02:03`, `259`, `259.5`.

    Raises:
        BadRequestError: It is none.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise BadRequestError(f"{text!r} is no time in the item; write it like 4:19, 1:02:03 or 259.")
    hours, minutes, seconds = match.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _times(quotes: Sequence[Quote]) -> str:
    return ", ".join(dict.fromkeys(clock(quote.start_s) for quote in sorted(quotes, key=lambda each: each.start_s)))


def _id(kind: CorrectionKind, quote: Quote | None, speaker: str | None, by: str) -> str:
    """The same person's second word on the same thing takes the place of the first."""
    words = "" if quote is None or kind is CorrectionKind.SPEAKER else f"{quote.start_s:.3f} {quote.text}"
    return hashlib.sha256("\0".join((kind.value, words, speaker or "", by)).encode()).hexdigest()[:8]


def _emit(content_id: ContentId, corrections: Sequence[Correction], options: Options) -> None:
    found = Corrections(content_id, tuple(corrections))
    present.emit(found, _text(found), as_json=options.json)


def _text(found: Corrections) -> RenderableType:
    if not found.corrections:
        return Text("Nobody has corrected this report.")
    return Group(*(Text.assemble((each.id, "bold"), f"  {told.listed(each)}") for each in found.corrections))
