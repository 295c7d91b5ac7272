"""Which points are meant: scope and filters as conditions on payload fields, the same for every adapter.

Each adapter turns a `Selection` into a condition of its engine in one function, and has no other way to one: so no
search, count or deletion can leave the scope out.
"""

import math
from typing import Final

import msgspec

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.core.vectors import Filters

KEYWORDS: Final = ("tenant", "workspace", "content_id", "speaker", "platform", "verdict", "content_hash", "twin_of")
"""Payload fields that are indexed by their value."""
NUMBERS: Final = ("number", "published_ts", "start_s", "expires_at")
"""Payload fields that are indexed by their size."""
FACETS: Final = frozenset(KEYWORDS) - {"tenant", "workspace"}


class Equals(msgspec.Struct, frozen=True, array_like=True, tag="equals"):
    """The field has this value."""

    field: str
    value: str


class OneOf(msgspec.Struct, frozen=True, array_like=True, tag="one of"):
    """The field has one of these values; none of none."""

    field: str
    values: tuple[str, ...]


class Differs(msgspec.Struct, frozen=True, array_like=True, tag="differs"):
    """The field has another value, or none."""

    field: str
    value: str


class Within(msgspec.Struct, frozen=True, array_like=True, tag="within"):
    """The field is a number from `least` on and below `below`; None: no bound on that side."""

    field: str
    least: float | None
    below: float | None


Condition = Equals | OneOf | Differs | Within


class Selection(msgspec.Struct, frozen=True, array_like=True):
    """Points of one scope that meet all conditions."""

    tenant: str
    workspace: str
    conditions: tuple[Condition, ...] = ()

    def named(self) -> "Selection":
        """The selection itself, when it names a tenant and a workspace: what an adapter calls before it trusts one.

        Raises:
            BadRequestError: It does not.
        """
        if not self.tenant or not self.workspace:
            raise BadRequestError("A search, count or deletion names a tenant and a workspace.")
        return self

    def deletable(self) -> "Selection":
        """The selection itself, when it is narrow enough to be deleted.

        Raises:
            BadRequestError: It names neither a content nor an expiry.
        """
        for condition in self.conditions:
            match condition:
                case Equals(field="content_id") | Within(field="expires_at"):
                    return self.named()
        raise BadRequestError("A deletion names the content whose points are to go, or an expiry.")


def selection(scope: Scope, filters: Filters) -> Selection:
    """The selection for a scope and filters.

    Raises:
        BadRequestError: A filter is the empty string, which would match nothing, or a bound that is no finite number.
    """
    equal = {
        "content_id": filters.content_id,
        "speaker": filters.speaker,
        "platform": filters.platform,
        "verdict": filters.verdict,
    }
    conditions: list[Condition] = [Equals(field, _name(value)) for field, value in equal.items() if value is not None]
    listed = {"content_hash": filters.content_hashes, "twin_of": filters.twin_of}
    conditions += [OneOf(field, tuple(map(_name, values))) for field, values in listed.items() if values is not None]
    if filters.not_content_id is not None:
        conditions.append(Differs("content_id", _name(filters.not_content_id)))
    expired_below = None if filters.expired_by is None else math.nextafter(filters.expired_by, math.inf)
    ranges = (
        ("number", filters.number_from, filters.number_to),
        ("published_ts", filters.published_from, filters.published_to),
        ("start_s", filters.starts_from_s, filters.starts_to_s),
        ("expires_at", None, expired_below),
    )
    conditions += [
        Within(field, _bound(least), _bound(below))
        for field, least, below in ranges
        if least is not None or below is not None
    ]
    return Selection(scope.tenant, scope.workspace, tuple(conditions))


def checked_facet(field: str) -> str:
    """A field whose values can be counted.

    Raises:
        BadRequestError: It is none.
    """
    if field not in FACETS:
        raise BadRequestError(f"Points cannot be counted by {field!r}; there are {', '.join(sorted(FACETS))}.")
    return field


def _name(value: str) -> str:
    if not value:
        raise BadRequestError("A filter with an empty name matches nothing; leave it out for no condition.")
    return value


def _bound(value: float | None) -> float | None:
    try:
        if value is None or math.isfinite(value):
            return value
    except OverflowError as exc:
        raise BadRequestError("A bound of a filter is a number below 1e308; this one has more digits.") from exc
    raise BadRequestError(f"A bound of a filter is a finite number, not {value}.")
