"""What may enter a vector index: everything is checked before anything is sent.

The engine takes NaN and zero vectors, applies a part of a batch that it refuses, and replays the refused part from its
log after a crash. So nothing that it would refuse or choke on may reach it.
"""

import asyncio
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from udib.core.errors import BadRequestError, UdibError
from udib.core.tenancy import Scope
from udib.core.types import Vector
from udib.core.vectors import Collection, Point, Query, Terms
from udib.memory.store_protocol import WirePoint, packed, packed_ids, unpacked

LARGEST_PAYLOAD: Final = 64 * 1024
MOST_TERMS: Final = 20_000
MOST_HITS: Final = 1000
SET_BY_THE_INDEX: Final = frozenset({"tenant", "workspace"})
_SHORT, _LONG = 1e-30, 1e30  # between these, no vector becomes zero or infinite by rounding
_CHECKED_AT_ONCE: Final = 64  # about 1 ms, then the event loop gets its turn
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLLECTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


def checked_collection(name: str) -> str:
    """A name that is safe as the name of a directory on every system.

    Raises:
        BadRequestError: It is not.
    """
    if not _COLLECTION.fullmatch(name) or ".." in name:
        raise BadRequestError(
            f"{name!r} cannot name a collection: 1 to 100 lower-case letters, digits, dots, dashes and underscores, "
            "a letter or digit first."
        )
    return name


def no_collection(name: str) -> BadRequestError:
    """What is said to whoever writes to a collection that does not exist."""
    return BadRequestError(f"There is no collection {name!r}; make it first.")


def checked_dimension(dimension: int) -> int:
    """The dimension of a collection.

    Raises:
        BadRequestError: It is below 1.
    """
    if dimension < 1:
        raise BadRequestError(f"The dimension of a collection is at least 1, not {dimension}.")
    return dimension


def checked_point(point: Point, dimension: int) -> WirePoint:
    """A point as it is sent.

    Raises:
        BadRequestError: Its id is no UUID, its vector or terms cannot be used, or its payload has no content, is no
            JSON or too large.
    """
    number = checked_id(point.id)
    if not len(point.vector) and not point.terms:
        raise BadRequestError(f"The point {number} has neither a vector nor terms; nothing could ever find it.")
    term_ids, weights = checked_terms(point.terms)
    return WirePoint(
        number, checked_vector(point.vector, dimension), term_ids, weights, checked_payload(number, point.payload)
    )


def checked_model(there: Collection, model_id: str, dimension: int) -> None:
    """Let only the model in whose embeddings a collection holds.

    Raises:
        BadRequestError: It is another, or of another dimension.
    """
    if (there.model_id, there.dimension) != (model_id, dimension):
        raise BadRequestError(
            f"The collection {there.name!r} holds embeddings of {there.model_id!r} ({there.dimension} numbers), not of "
            f"{model_id!r} ({dimension}). Use that embedder, or index again with the new one."
        )


async def checked_points(points: Iterable[Point], dimension: int) -> dict[str, WirePoint]:
    """The points of a batch as they are sent, by id; of one id twice the last counts.

    The event loop gets its turn between parts of the work.

    Raises:
        BadRequestError: One of them cannot be used.
    """
    ready: dict[str, WirePoint] = {}
    for number, point in enumerate(points, 1):
        ready[point.id] = checked_point(point, dimension)
        if number % _CHECKED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return ready


def checked_vector(vector: Vector, dimension: int) -> bytes:
    """A vector as it is sent; an empty one, for "no vector", stays empty.

    Raises:
        BadRequestError: It has another dimension, holds what is no finite 32-bit float, or has length 0.
    """
    if not len(vector):
        return b""
    if len(vector) != dimension:
        raise BadRequestError(f"A vector has {len(vector)} numbers, this collection's have {dimension}.")
    try:
        data, length = packed(vector), math.hypot(*vector)
    except (TypeError, OverflowError) as exc:
        raise BadRequestError("A vector holds something that is no number.") from exc
    if not _SHORT < length < _LONG:  # what counts is what 32 bits make of it
        length = math.hypot(*unpacked(data))
    if not math.isfinite(length):
        raise BadRequestError("A vector holds a number that is not finite.")
    if length == 0:
        raise BadRequestError("A vector of zeros has no direction; give none at all when a text has no meaning.")
    return data


def checked_terms(terms: Terms) -> tuple[bytes, bytes]:
    """Terms as they are sent: numbers and weights.

    Raises:
        BadRequestError: A number is outside 0 to 2**32 - 1, a weight is not finite and above 0, or there are too many.
    """
    if not terms:
        return b"", b""
    if len(terms) > MOST_TERMS:
        raise BadRequestError(f"A point has at most {MOST_TERMS} terms, not {len(terms)}.")
    if not all(0 <= term < 2**32 for term in terms):
        raise BadRequestError("The number of a term is from 0 to 4294967295.")
    weights = packed(terms.values())
    if not all(0 < weight < math.inf for weight in unpacked(weights)):
        raise BadRequestError("The weight of a term is a finite number above 0.")
    return packed_ids(terms), weights


def checked_payload(number: str, payload: Mapping[str, object]) -> bytes:
    """A payload as JSON.

    Raises:
        BadRequestError: It is no JSON, larger than 64 KiB, names no content, or sets its own scope.
    """
    content_id, speaker = payload.get("content_id"), payload.get("speaker")
    if not isinstance(content_id, str) or not content_id:
        raise BadRequestError(
            f"The payload of the point {number} has no content_id; without one it cannot be forgotten."
        )
    if speaker is not None and not isinstance(speaker, str):
        raise BadRequestError(f"The speaker of the point {number} is a name or None.")
    if not SET_BY_THE_INDEX.isdisjoint(payload):
        raise BadRequestError(f"The payload of the point {number} names a tenant or workspace; the call does that.")
    try:
        data = msgspec.json.encode(payload)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise BadRequestError(f"The payload of the point {number} is no JSON: {exc}.") from exc
    if len(data) > LARGEST_PAYLOAD:
        raise BadRequestError(
            f"The payload of the point {number} has {len(data)} bytes; at most {LARGEST_PAYLOAD} are allowed. "
            "Split the text into shorter records."
        )
    return data


def checked_limit(limit: int) -> int:
    """A number of hits.

    Raises:
        BadRequestError: It is not from 1 to 1,000.
    """
    if not 1 <= limit <= MOST_HITS:
        raise BadRequestError(f"A search returns 1 to {MOST_HITS} hits, not {limit}.")
    return limit


def checked_query(query: Query) -> tuple[bytes, bytes]:
    """The terms of a query as they are sent.

    Raises:
        BadRequestError: It has neither a vector nor terms, the terms cannot be used, or the limit is out of range.
    """
    if not len(query.vector) and not query.terms:
        raise BadRequestError("A search needs a vector or terms.")
    checked_limit(query.limit)
    return checked_terms(query.terms)


def checked_id(number: str) -> str:
    """The id of a point in its usual spelling.

    Raises:
        BadRequestError: It is no UUID.
    """
    try:
        return number if _UUID.fullmatch(number) else str(UUID(number))
    except ValueError as exc:
        raise BadRequestError(f"The id of a point is a UUID; {number!r} is none.") from exc


def belonging(scope: Scope, tenant: object, workspace: object) -> None:
    """Let nothing foreign out, whatever the index did: the last wall between tenants.

    Raises:
        UdibError: A point that was returned is of another scope.
    """
    if (tenant, workspace) != (scope.tenant, scope.workspace):
        raise UdibError(f"The memory index returned a point that does not belong to {scope}. Please report this fault.")
