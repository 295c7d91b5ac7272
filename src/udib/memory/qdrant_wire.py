"""Points, conditions and questions in the words of Qdrant's API, and its answers in ours."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
from qdrant_client.http import models

from udib.core.tenancy import Scope
from udib.core.vectors import Hit, Point
from udib.memory.conditions import KEYWORDS, NUMBERS, Differs, Equals, OneOf, Selection, Within
from udib.memory.point_checks import belonging
from udib.memory.ranking import DENSE, FUSION_K, TERMS, best_first, candidates
from udib.memory.store_protocol import WirePoint, unpacked, unpacked_ids

_LONG_NUMBER: Final = re.compile(rb"\d{19}")
_DIGITS: Final = 22  # of a number in JSON, with its comma
NUMBER_BYTES: Final = 4

INDEXED: Final[Mapping[str, models.KeywordIndexParams | models.FloatIndexParams]] = {
    **{
        name: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=name == "tenant")
        for name in KEYWORDS
    },
    **{name: models.FloatIndexParams(type=models.FloatIndexType.FLOAT) for name in NUMBERS},
}
"""How each payload field that a condition may name is indexed."""


def selected(where: Selection) -> models.Filter:
    """The server's condition for a selection. The one way to a scope's points: without a scope there is none.

    Raises:
        BadRequestError: The tenant or the workspace is empty.
    """
    must = _scope_conditions(where)
    must_not: list[models.Condition] = []
    for condition in where.conditions:
        match condition:
            case Equals(field, value):
                must.append(_equals(field, value))
            case OneOf(field, values):
                must.append(models.FieldCondition(key=field, match=models.MatchAny(any=list(values))))
            case Differs(field, value):
                must_not.append(_equals(field, value))
            case Within(field, least, below):
                must.append(models.FieldCondition(key=field, range=models.Range(gte=least, lt=below)))
    return models.Filter(must=must, must_not=must_not or None)


def identified(scope: Scope, ids: Sequence[str]) -> models.Filter:
    """The condition for points of one scope by their ids."""
    return models.Filter(must=[*_scope_conditions(_all_of(scope)), models.HasIdCondition(has_id=list(ids))])


def of_tenant(tenant: str) -> models.Filter:
    """The condition for all points of a tenant. Only for counting: it crosses workspaces."""
    return models.Filter(must=[_equals("tenant", tenant)])


def rarity(scope: Scope) -> models.SearchParams:
    """How rare a term is, is counted within the scope: one tenant's words never move another's ranks."""
    corpus = models.Filter(must=_scope_conditions(_all_of(scope)))
    return models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))


def nearest(vector: list[float], where: models.Filter, limit: int) -> models.QueryRequest:
    """The nearest points that meet a condition."""
    return models.QueryRequest(query=vector, using=DENSE, filter=where, limit=limit, with_payload=True)


def by_vector(vector: list[float], these: models.Filter, limit: int) -> models.QueryRequest:
    """The exact cosine of points that are known already."""
    exact = models.SearchParams(exact=True)
    return models.QueryRequest(query=vector, using=DENSE, filter=these, params=exact, limit=limit, with_payload=False)


def by_terms(
    terms: models.SparseVector, where: models.Filter, params: models.SearchParams | None, limit: int
) -> models.QueryRequest:
    """What the terms alone give to the points that meet a condition."""
    return models.QueryRequest(query=terms, using=TERMS, filter=where, params=params, limit=limit, with_payload=False)


def fused(
    vector: list[float],
    terms: models.SparseVector,
    where: models.Filter,
    params: models.SearchParams | None,
    limit: int,
) -> models.QueryRequest:
    """The best points by terms and, if there is a vector, by nearness, fused by reciprocal ranks."""
    most = candidates(limit)
    legs = [models.Prefetch(query=terms, using=TERMS, filter=where, params=params, limit=most)]
    if vector:
        legs.append(models.Prefetch(query=vector, using=DENSE, filter=where, limit=most))
    fusion = models.RrfQuery(rrf=models.Rrf(k=FUSION_K))
    return models.QueryRequest(prefetch=legs, query=fusion, filter=where, limit=limit, with_payload=True)


def sparse(term_ids: bytes, weights: bytes) -> models.SparseVector:
    """Terms as a sparse vector."""
    return models.SparseVector(indices=unpacked_ids(term_ids), values=unpacked(weights))


def stored(point: WirePoint, scope: Scope) -> models.PointStruct:
    """A point as the server stores it: with its scope in the payload."""
    vectors: dict[str, models.Vector] = {}
    if point.vector:
        vectors[DENSE] = unpacked(point.vector)
    if point.term_ids:
        vectors[TERMS] = sparse(point.term_ids, point.weights)
    payload = msgspec.json.decode(point.payload, type=dict[str, object])
    payload |= {"tenant": scope.tenant, "workspace": scope.workspace}
    return models.PointStruct(id=point.id, vector=vectors, payload=payload)


def json_bytes(point: WirePoint) -> int:
    """About how long a point is as JSON."""
    numbers = (len(point.vector) + len(point.weights) + len(point.term_ids)) // NUMBER_BYTES
    return numbers * _DIGITS + len(point.payload) + 512


def whole(scope: Scope, record: models.Record) -> Point:
    """A point that the server gave back.

    Raises:
        UdibError: It is of another scope.
    """
    vectors = record.vector if isinstance(record.vector, dict) else {}
    dense, terms = vectors.get(DENSE, []), vectors.get(TERMS)
    weights = dict(zip(terms.indices, terms.values, strict=True)) if isinstance(terms, models.SparseVector) else {}
    return Point(str(record.id), [float(x) for x in dense], _own(scope, record.payload), weights)  # type: ignore[arg-type] # one dense vector a name


def ranked(
    scope: Scope,
    found: Iterable[models.ScoredPoint],
    similarities: Mapping[str, float],
    term_scores: Mapping[str, float] = MappingProxyType({}),
) -> list[Hit]:
    """The points found as hits, best first.

    Raises:
        UdibError: One is of another scope.
    """
    return best_first(
        Hit(
            id=str(point.id),
            score=point.score,
            similarity=max(-1.0, min(1.0, similarities.get(str(point.id), 0.0))),
            payload=_own(scope, point.payload),
            term_score=term_scores.get(str(point.id)),
        )
        for point in found
    )


def scores(found: Iterable[models.ScoredPoint]) -> dict[str, float]:
    """The score of each point by its id."""
    return {str(point.id): point.score for point in found}


class CollectionNote(msgspec.Struct, frozen=True):
    """What is noted with a collection on the server, below "udib" in its metadata."""

    prefix: str
    model_id: str
    dimension: int

    def metadata(self) -> dict[str, object]:
        """The note as it is stored."""
        return {"udib": msgspec.to_builtins(self)}


def note(info: models.CollectionInfo | None, prefix: str) -> CollectionNote | None:
    """What udib noted with a collection; None for one that is missing or not of this prefix."""
    if info is None:
        return None
    try:
        found = msgspec.convert((info.config.metadata or {}).get("udib"), CollectionNote)
    except msgspec.ValidationError:
        return None
    return found if found.prefix == prefix else None


def fits_grpc(points: Iterable[WirePoint]) -> bool:
    """Whether gRPC can carry the payloads: it has no whole numbers beyond 63 bits. In doubt, no."""
    return not any(_LONG_NUMBER.search(point.payload) for point in points)


def _own(scope: Scope, payload: Mapping[str, object] | None) -> dict[str, object]:
    """A payload without its scope, after a look at the scope."""
    mine = dict(payload or {})
    belonging(scope, mine.pop("tenant", None), mine.pop("workspace", None))
    return mine


def _all_of(scope: Scope) -> Selection:
    return Selection(scope.tenant, scope.workspace)


def _scope_conditions(where: Selection) -> list[models.Condition]:
    where.named()
    return [_equals("tenant", where.tenant), _equals("workspace", where.workspace)]


def _equals(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))
