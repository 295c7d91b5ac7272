"""Selections as conditions of the embedded engine. Lives in the store process only."""

from collections.abc import Sequence
from typing import Any

import qdrant_edge as edge

from udib.memory.conditions import Differs, Equals, OneOf, Selection, Within

PointFilter = edge.Filter


def selected(where: Selection) -> edge.Filter:
    """The engine's condition for a selection. The one way to a scope's points: without a scope there is none.

    Raises:
        BadRequestError: The tenant or the workspace is empty.
    """
    must = _scope_conditions(where)
    must_not: list[Any] = []
    for condition in where.conditions:
        match condition:
            case Equals(field, value):
                must.append(equals(field, value))
            case OneOf(field, values):
                must.append(edge.FieldCondition(field, match=edge.MatchAny(list(values))))
            case Differs(field, value):
                must_not.append(equals(field, value))
            case Within(field, least, below):
                must.append(edge.FieldCondition(field, range=edge.RangeFloat(gte=least, lt=below)))
    return edge.Filter(must=must, must_not=must_not)


def identified(tenant: str, workspace: str, ids: Sequence[str]) -> edge.Filter:
    """The condition for points of one scope by their ids."""
    return edge.Filter(must=[*_scope_conditions(Selection(tenant, workspace)), edge.HasIdCondition(set(ids))])


def scope_only(where: Selection) -> edge.Filter:
    """The condition for all points of a selection's scope."""
    return edge.Filter(must=_scope_conditions(where))


def _scope_conditions(where: Selection) -> list[Any]:
    where.named()
    return [equals("tenant", where.tenant), equals("workspace", where.workspace)]


def equals(field: str, value: str) -> edge.FieldCondition:
    """The condition for a value of a field."""
    return edge.FieldCondition(field, match=edge.MatchValue(value))
