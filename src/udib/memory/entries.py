"""What is stored, and under which id: entries, their points, and the hash that tells texts apart."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, TypeVar
from uuid import NAMESPACE_URL, uuid5

import msgspec

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, RecordKind, Vector
from udib.core.vectors import Filters, Point, Terms

T = TypeVar("T")
Made = TypeVar("Made")

_MADE_AT_ONCE: Final = 128  # some 1 ms of work between two turns of the event loop
_POINTS = uuid5(NAMESPACE_URL, "udib:points")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to store. `number` tells the entries of one content apart."""

    content_id: ContentId
    number: int | str
    vector: Vector
    payload: Mapping[str, object]
    terms: Terms = field(default_factory=dict)


def content_hash(text: str, speaker: str | None) -> str:
    """What tells a text apart, white space aside: 32 hex digits of a sha256 over its words and who said them."""
    return hashlib.sha256(json.dumps([" ".join(text.split()), speaker]).encode()).hexdigest()[:32]


def point_of(scope: Scope, kind: RecordKind, entry: Entry) -> Point:
    """An entry as a point of its scope."""
    return Point(
        id=point_id(scope, kind, entry.content_id, entry.number),
        vector=entry.vector,
        payload={**entry.payload, "content_id": entry.content_id},
        terms=entry.terms,
    )


def filters_of(given: Filters | Mapping[str, object] | None) -> Filters:
    """Conditions as a caller of the plan's methods may give them.

    Raises:
        BadRequestError: A name is none of a filter's, or a value has another type.
    """
    if given is None or isinstance(given, Filters):
        return given or Filters()
    unknown = given.keys() - {each.name for each in fields(Filters)}
    if unknown:
        known = ", ".join(each.name for each in fields(Filters))
        raise BadRequestError(f"There is no filter {sorted(map(str, unknown))[0]!r}; there are {known}.")
    try:
        return msgspec.convert(given, Filters)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"A filter has a value of another type: {exc}.") from exc


def point_id(scope: Scope, kind: RecordKind, content_id: str, number: int | str) -> str:
    """The id of a point: the same for the same entry, another for another tenant's.

    Hashed over a JSON array, never over joined names: ("a_b", "c") and ("a", "b_c") differ.
    """
    return _uuid5(json.dumps([scope.tenant, scope.workspace, kind.value, content_id, number]))


def _uuid5(name: str) -> str:
    """`str(uuid5(_POINTS, name))`, without the objects that take most of its time."""
    digits = hashlib.sha1(_POINTS.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def entry_of(vector: Vector, payload: Mapping[str, object]) -> Entry:
    """An entry for a payload of any shape."""
    try:
        digest = hashlib.sha256(msgspec.json.encode(payload, order="deterministic")).hexdigest()[:32]
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise BadRequestError(f"A payload is no JSON object: {exc}.") from exc
    content_id = payload.get("content_id")
    number = payload.get("number", digest)
    if content_id is not None and (not isinstance(content_id, str) or not content_id):
        raise BadRequestError(f"The content_id of a payload is a text, not {content_id!r}.")
    if not isinstance(number, int | str):
        raise BadRequestError(f"The number of a payload is a whole number, not {number!r}.")
    return Entry(ContentId(content_id or f"payload:{digest}"), number, vector, payload)


async def entries_of(vectors: Sequence[Vector], payloads: Sequence[Mapping[str, object]]) -> list[Entry]:
    """An entry for each payload, with its vector; the event loop gets its turn between parts of the work.

    Raises:
        BadRequestError: One of the payloads cannot be used.
    """
    return await _by_turns(lambda pair: entry_of(*pair), zip(vectors, payloads, strict=True))


async def points_of(scope: Scope, kind: RecordKind, entries: Sequence[Entry]) -> list[Point]:
    """Entries as points of their scope; the event loop gets its turn between parts of the work."""
    return await _by_turns(lambda entry: point_of(scope, kind, entry), entries)


async def _by_turns(make: Callable[[T], Made], items: Iterable[T]) -> list[Made]:
    made: list[Made] = []
    for item in items:
        made.append(make(item))
        if len(made) % _MADE_AT_ONCE == 0:
            await asyncio.sleep(0)
    return made
