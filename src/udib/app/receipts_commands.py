"""`udib receipts`: whose words these are, what of them bears on a subject, and what of it may not both hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from udib.analysis.receipts import Receipt, SaidOtherwise, in_order, is_misattributed, said_otherwise
from udib.app import present
from udib.app.bootstrap import App
from udib.app.bootstrap_memory import static_embedder
from udib.app.commands import Options, named_content, opened
from udib.core.corrections import CorrectionKind
from udib.core.errors import BadRequestError
from udib.core.speech import is_numbered
from udib.core.types import MemoryRecord, RecordKind
from udib.core.vectors import Filters
from udib.delivery.doubts import caution, marked
from udib.delivery.text import clean, shorten
from udib.delivery.view import clock, when
from udib.pipeline.naming import GivenNames, Voice

_MOST_NAMES: Final = 10
_LEAST_BEGINNING: Final = 3
_LONGEST_SHOWN: Final = 60
_LEAST_SAID, _MOST_SAID = 1, 200
_DIFFERENCES: Final = {"number": "another number", "polarity": "the opposite"}


@dataclass(frozen=True, slots=True)
class ReceiptsOrder:
    """What `udib receipts` was asked."""

    person: str
    topic: str
    content: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Receipts:
    """What a person said on a topic, oldest first, and what of it may not both hold, as JSON."""

    person: str
    topic: str
    receipts: tuple[Receipt, ...]
    contradictions: tuple[SaidOtherwise, ...]
    notes: tuple[str, ...]
    schema: str = "udib.receipts/1"


async def receipts(order: ReceiptsOrder, options: Options) -> int:
    """Print what a person said on a topic, oldest first.

    Raises:
        BadRequestError: The name is nobody's, or may be several persons'; or there is no topic, or no name.
    """
    if not order.topic.strip() or not order.person.strip():
        lacks = "topic" if order.person.strip() else "person"
        raise BadRequestError(f'Name the {lacks} too, such as: udib receipts "Maya Ortiz" rent control.')
    if not _LEAST_SAID <= order.limit <= _MOST_SAID:
        raise BadRequestError(f"The number of passages is {_LEAST_SAID} to {_MOST_SAID}, not {order.limit}.")
    async with opened(options) as app:
        only = None if order.content is None else (await named_content(app, order.content)).id
        names = await GivenNames.of(app.catalogue, app.scope)
        known = await app.catalogue.speakers(app.scope)
        person = settled_name(order.person, {*known, *await names.people()})
        if only is None and is_numbered(person):
            raise BadRequestError(
                f"{person!r} is somebody else in every item; add --content, or name them there: udib correct ITEM "
                f"--speaker {person!r} --name NAME."
            )
        found = await _found(app, order, await names.voices(person, known, only))
        found = [
            record
            for record in found
            if (await names.by_label(record.content_id)).get(record.speaker or "", person) == person
        ]
        told = await _told(app, order, person, found)
        told = replace(told, notes=(*told.notes, *_others(person, known)))
        present.emit(told, _text(told), as_json=options.json)
        return 0


def settled_name(given: str, known: set[str]) -> str:
    """The one name that is meant, as it is spelt where it stands. No part of a name, and no other spelling, is enough.

    Raises:
        BadRequestError: Nobody is called so; the sentence says who is called nearly so, or who there is.
    """
    wanted = " ".join(given.split())
    if not clean(wanted):
        raise BadRequestError('Name the person, such as: udib receipts "Maya Ortiz" rent control.')
    asked = shorten(wanted, _LONGEST_SHOWN)
    if wanted in known:
        return wanted
    alike = sorted(name for name in known if name.casefold() == wanted.casefold())
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise BadRequestError(f"{asked!r} may be {_either(alike)}; give the name as it is spelt there.")
    if not known:
        raise BadRequestError("No speaker is known in what is stored; `udib correct` gives names to speakers.")
    words = set(wanted.casefold().split())
    near = sorted(name for name in known if any(_is_near(part, words) for part in name.casefold().split()))
    if near:
        raise BadRequestError(f"Nobody is called {asked!r}; did you mean {_either(near)}?")
    raise BadRequestError(f"Nobody called {asked!r} speaks in what is stored; there is {_either(sorted(known))}.")


def _is_near(part: str, words: set[str]) -> bool:
    """Whether one of the words is a part of a name, or the beginning of it."""
    return part in words or any(len(word) >= _LEAST_BEGINNING and part.startswith(word) for word in words)


def _either(names: Sequence[str]) -> str:
    shown = [repr(shorten(name, _LONGEST_SHOWN)) for name in names[:_MOST_NAMES]]
    more = f" (and {len(names) - _MOST_NAMES} more)" if len(names) > _MOST_NAMES else ""
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown) + more


async def _found(app: App, order: ReceiptsOrder, voices: Sequence[Voice]) -> list[MemoryRecord]:
    """The passages of these voices on the topic; where the same was said elsewhere by them, that too."""
    records: list[MemoryRecord] = []
    for voice in voices:
        filters = Filters(content_id=voice.content_id, speaker=voice.label)
        [passages] = await app.memory.recall(
            app.scope, RecordKind.TRANSCRIPT, [order.topic], limit=order.limit, filters=filters
        )
        said = (record for passage in passages for record in (passage.record, *passage.also))
        records += [
            record for record in said if record.speaker == voice.label and voice.content_id in {None, record.content_id}
        ]
    return records


async def _told(app: App, order: ReceiptsOrder, person: str, found: Sequence[MemoryRecord]) -> Receipts:
    corrections = await app.catalogue.corrections(app.scope)
    elsewhere = [each for each in corrections if each.kind is CorrectionKind.ATTRIBUTION]
    kept = [record for record in found if not is_misattributed(record, person, elsewhere)]
    numbered = in_order(replace(record, speaker=person, context="") for record in kept)
    pairs = await said_otherwise(numbered, static_embedder()) if numbered else ()
    notes = _notes(person, order.topic, numbered, left_out=len(found) - len(kept))
    return Receipts(person, order.topic, tuple(numbered), pairs, tuple(notes))


def _notes(person: str, topic: str, found: Sequence[Receipt], *, left_out: int) -> list[str]:
    if not found and not left_out:
        return [f"Nothing that {person} said on {topic!r} is stored."]
    notes = []
    items = len({each.record.content_id for each in found})
    if items > 1:
        notes.append(f"{items} items name a speaker {person!r}; that it is the same person is for you to check.")
    if undated := sum(each.record.published_at is None for each in found):
        all_of_them = undated == len(found)
        notes.append("No passage has a date." if all_of_them else f"{undated} passages have no date; they stand last.")
    if any(each.record.low_accuracy for each in found):
        notes.append("Words of a low-accuracy transcript are marked; listen before you quote them.")
    if left_out:
        notes.append(f"Left out, as a reader corrected who said it: {left_out}.")
    return notes


def _others(person: str, known: Sequence[str]) -> list[str]:
    """The same name in other letters, which may be the same person or not."""
    alike = [name for name in known if name != person and name.casefold() == person.casefold()]
    return [f"Not looked at: what {_either(alike)} said, who may be the same person or not."] if alike else []


def _text(told: Receipts) -> RenderableType:
    parts: list[RenderableType] = []
    for each in told.receipts:
        record = each.record
        date = when(record.published_at)[:10] if record.published_at else "no date"
        heard = ", low-accuracy transcript" if record.low_accuracy else ""
        head = f"{date}  {clean(record.title)}, {clock(record.start_s)}{heard}"
        parts.append(Text.assemble((f"[{each.number}] ", "bold"), (head, "bold")))
        parts.append(Text(f"    \u201c{clean(marked(record.text, record.doubtful))}\u201d"))
        if record.link:
            parts.append(Text(f"    {clean(record.link)}", style="dim", overflow="fold"))
    if told.contradictions:
        parts.append(Text("\nMay not both hold; judge by listening to both", style="bold"))
    parts += [_pair(each) for each in told.contradictions]
    return Group(*parts, *(Text(clean(note), style="dim") for note in told.notes))


def _pair(each: SaidOtherwise) -> RenderableType:
    order = "" if each.dated else " (which was said first is not known)"
    differs = _DIFFERENCES.get(each.difference, each.difference)
    return Group(
        Text(f"  [{each.earlier}] \u201c{clean(each.earlier_text)}\u201d"),
        Text(f"  [{each.later}] \u201c{clean(each.later_text)}\u201d"),
        Text(f"      {differs} on \u201c{clean(each.subject)}\u201d{order}", style="dim"),
        *([Text(f"      {caution(each.unclear)}", style="yellow")] if each.unclear else []),
    )
