"""The statements of the index on PostgreSQL, and the forms in which points go there. Pure.

Every statement on points names the number of a scope, `%(scope)s`; nothing else reaches a point.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from psycopg import sql
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

from udib.core.errors import BadRequestError
from udib.memory.conditions import FACETS, Condition, Differs, Equals, OneOf, Within
from udib.memory.store_protocol import WirePoint

LARGEST_DIMENSION: Final = 16_000  # pgvector's
_INT8: Final = 20
_FLOAT4: Final = 700

PLACE = """
    SELECT c.number, c.dimension, s.number FROM collections c
    LEFT JOIN scopes s ON s.collection = c.number AND s.tenant = %s AND s.workspace = %s WHERE c.name = %s
"""
HOLD_COLLECTION = "SELECT number FROM collections WHERE number = %s FOR KEY SHARE"
COUNT_ALL = "SELECT count(*) FROM points p JOIN scopes s ON s.number = p.scope WHERE s.collection = %s"
DROP_TERMS = "DELETE FROM postings USING scopes s WHERE s.number = postings.scope AND s.collection = %s"
# The row of the scope is locked, so that writers of one scope take turns; it may be made or removed with its points.
CLAIM_SCOPE = """
    INSERT INTO scopes (collection, tenant, workspace) VALUES (%s, %s, %s)
    ON CONFLICT (collection, tenant, workspace) DO UPDATE SET tenant = excluded.tenant RETURNING number
"""
LOCK_SCOPE = """
    SELECT s.number FROM scopes s JOIN collections c ON c.number = s.collection
    WHERE c.name = %s AND s.tenant = %s AND s.workspace = %s FOR UPDATE OF s
"""
LEAVE_SCOPE = """
    DELETE FROM scopes WHERE number = %(scope)s AND NOT EXISTS (SELECT FROM points WHERE scope = %(scope)s)
"""
FORGET_TERMS = """
    DELETE FROM postings USING points old, unnest(old.term_ids) AS former(term)
    WHERE old.scope = %(scope)s AND old.id = ANY(%(ids)s::uuid[])
    AND postings.scope = old.scope AND postings.term = former.term AND postings.id = old.id
"""
WRITE_POINT = """
    INSERT INTO points (scope, id, vector, term_ids, weights, payload, content_id, speaker, platform, verdict,
        content_hash, twin_of, number, published_ts, start_s, expires_at)
    VALUES (%(scope)s, %(id)s, %(vector)s, %(term_ids)s, %(weights)s, %(payload)s, %(content_id)s, %(speaker)s,
        %(platform)s, %(verdict)s, %(content_hash)s, %(twin_of)s, %(number)s, %(published_ts)s, %(start_s)s,
        %(expires_at)s)
    ON CONFLICT (scope, id) DO UPDATE SET vector = excluded.vector, term_ids = excluded.term_ids,
        weights = excluded.weights, payload = excluded.payload, content_id = excluded.content_id,
        speaker = excluded.speaker, platform = excluded.platform, verdict = excluded.verdict,
        content_hash = excluded.content_hash, twin_of = excluded.twin_of, number = excluded.number,
        published_ts = excluded.published_ts, start_s = excluded.start_s, expires_at = excluded.expires_at
"""
WRITE_TERMS = """
    INSERT INTO postings (scope, term, id, weight)
    SELECT p.scope, t.term, p.id, t.weight FROM points p, unnest(p.term_ids, p.weights) AS t(term, weight)
    WHERE p.scope = %(scope)s AND p.id = ANY(%(ids)s::uuid[])
"""
DELETE_POINTS = sql.SQL("""
    WITH gone AS (DELETE FROM points p WHERE p.scope = %(scope)s {where} RETURNING p.id, p.term_ids),
    words AS (
        DELETE FROM postings USING gone, unnest(gone.term_ids) AS former(term)
        WHERE postings.scope = %(scope)s AND postings.term = former.term AND postings.id = gone.id
    )
    SELECT count(*) FROM gone
""")
# On vectors of length 1 the inner product, which pgvector gives negated, is the cosine.
NEAREST = sql.SQL("""
    SELECT p.id::text FROM points p WHERE p.scope = %(scope)s AND p.vector IS NOT NULL {where}
    ORDER BY p.vector <#> %(vector)s, p.id LIMIT %(limit)s
""")
# BM25: the weights of points and query come with them, how rare a term is within the scope is counted here, as Qdrant
# does. Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009.
WORDED = sql.SQL("""
    WITH size AS (SELECT count(*) AS n FROM points WHERE scope = %(scope)s AND term_ids <> '{{}}'),
    asked AS (SELECT * FROM unnest(%(term_ids)s::bigint[], %(weights)s::real[]) AS t(term, weight)),
    rated AS (
        SELECT a.term, a.weight * ln((size.n - f.df + 0.5) / (f.df + 0.5) + 1) AS weight
        FROM size, asked a, LATERAL (
            SELECT count(*) AS df FROM postings WHERE scope = %(scope)s AND term = a.term
        ) AS f
    )
    SELECT w.id::text, sum(r.weight * w.weight) AS score
    FROM rated r JOIN postings w ON w.scope = %(scope)s AND w.term = r.term
    JOIN points p ON p.scope = w.scope AND p.id = w.id WHERE true {where}
    GROUP BY w.id ORDER BY score DESC, w.id LIMIT %(limit)s
""")
FOUND = """
    SELECT p.id::text, s.tenant, s.workspace, p.payload::text, -(p.vector <#> %(vector)s)
    FROM points p JOIN scopes s ON s.number = p.scope WHERE p.scope = %(scope)s AND p.id = ANY(%(ids)s::uuid[])
"""
PAGE = sql.SQL("""
    SELECT p.id::text, s.tenant, s.workspace, p.payload::text, p.vector::real[], p.term_ids, p.weights
    FROM points p JOIN scopes s ON s.number = p.scope WHERE p.scope = %(scope)s {where}
    AND p.id >= coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY p.id LIMIT %(limit)s
""")
COUNT = sql.SQL("SELECT count(*) FROM points p WHERE p.scope = %(scope)s {where}")
FACET = sql.SQL("""
    SELECT p.{field}, count(*) AS often FROM points p WHERE p.scope = %(scope)s AND p.{field} IS NOT NULL {where}
    GROUP BY p.{field} ORDER BY often DESC, p.{field} LIMIT %(limit)s
""")
USAGE = """
    SELECT s.tenant, s.workspace, count(*) FROM collections c JOIN scopes s ON s.collection = c.number
    JOIN points p ON p.scope = s.number WHERE c.name = %(name)s AND (%(tenant)s::text IS NULL OR s.tenant = %(tenant)s)
    GROUP BY s.tenant, s.workspace ORDER BY s.tenant, s.workspace
"""
BY_ID = sql.SQL("AND p.id = ANY(%(ids)s::uuid[])")
_HASHED = sql.SQL("AND hashtextextended(p.content_id, 0) = hashtextextended({value}, 0) AND p.content_id = {value}")


class Binary(bytes):
    """A value in the server's own binary form, whose type the statement says."""


class BinaryDumper(Dumper):
    """Sends a `Binary` as it is."""

    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = 0

    def dump(self, obj: bytes) -> bytes:
        """The bytes themselves."""
        return bytes(obj)


class _Indexed(msgspec.Struct, frozen=True):
    """The fields of a payload that have a column: `conditions.KEYWORDS` without the scope, and `conditions.NUMBERS`."""

    content_id: object = None
    speaker: object = None
    platform: object = None
    verdict: object = None
    content_hash: object = None
    twin_of: object = None
    number: object = None
    published_ts: object = None
    start_s: object = None
    expires_at: object = None


def point_row(point: WirePoint) -> dict[str, object]:
    """A checked point as the values of `WRITE_POINT`, all but the scope.

    Raises:
        BadRequestError: A field that filters need holds a NUL character.
    """
    row: dict[str, object] = {
        "id": point.id,
        "vector": binary_vector(point.vector),
        "payload": point.payload.decode(),
        **binary_terms(point.term_ids, point.weights),
    }
    fields = msgspec.structs.asdict(msgspec.json.decode(point.payload, type=_Indexed))
    return row | {name: _column(name, value) for name, value in fields.items()}


def binary_vector(data: bytes) -> Binary | None:
    """A vector, normalised to length 1 as Qdrant keeps it; None for an empty one.

    Args:
        data: Packed 32-bit floats that `point_checks.checked_vector` has let in.
    """
    if not data:
        return None
    numbers = np.frombuffer(data, np.float32).astype(np.float64)
    return Binary(struct.pack("!HH", numbers.size, 0) + (numbers / np.linalg.norm(numbers)).astype(">f4").tobytes())


def binary_terms(term_ids: bytes, weights: bytes) -> dict[str, Binary]:
    """Checked terms as the values `term_ids` and `weights` of a statement."""
    return {
        "term_ids": binary_array(np.frombuffer(term_ids, np.uint32), ">i8", _INT8),
        "weights": binary_array(np.frombuffer(weights, np.float32), ">f4", _FLOAT4),
    }


def binary_array(numbers: "np.ndarray[Any, Any]", kind: str, oid: int) -> Binary:
    """Numbers as an array of the server's type `oid`: a header, then each with its size before it."""
    if not numbers.size:
        return Binary(struct.pack("!iii", 0, 0, oid))
    elements = np.empty(numbers.size, dtype=[("size", ">i4"), ("value", kind)])
    elements["size"] = np.dtype(kind).itemsize
    elements["value"] = numbers
    return Binary(struct.pack("!iiiii", 1, 0, oid, numbers.size, 1) + elements.tobytes())


def storable(what: str, text: str) -> str:
    """A text that the server can keep in a column.

    Raises:
        BadRequestError: It holds a NUL character or half a surrogate pair.
    """
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise BadRequestError(f"PostgreSQL cannot keep the {what} {text!r}: it holds a character that is no text.")
    return text


def matching(conditions: Sequence[Condition]) -> tuple[sql.Composed, dict[str, object]]:
    """Conditions as a part of a statement on `points p`, and its values.

    Raises:
        BadRequestError: A value is one that no point can have here.
    """
    parts: list[sql.Composable] = []
    values: dict[str, object] = {}

    def value(given: object) -> sql.Placeholder:
        values[f"c{len(values)}"] = given
        return sql.Placeholder(f"c{len(values) - 1}")

    for condition in conditions:
        column = sql.SQL("p.{}").format(sql.Identifier(condition.field))
        match condition:
            case Equals(field="content_id", value=wanted):
                parts.append(_HASHED.format(value=value(storable("content_id", wanted))))
            case Equals(field, wanted):
                parts.append(sql.SQL("AND {} = {}").format(column, value(storable(field, wanted))))
            case OneOf(field, several):
                given = value([storable(field, each) for each in several])
                parts.append(sql.SQL("AND {} = ANY({}::text[])").format(column, given))
            case Differs(field, wanted):
                given = value(storable(field, wanted))
                parts.append(sql.SQL("AND {} IS DISTINCT FROM {}").format(column, given))
            case Within(_, least, below):
                if least is not None:
                    parts.append(sql.SQL("AND {} >= {}").format(column, value(float(least))))
                if below is not None:
                    parts.append(sql.SQL("AND {} < {}").format(column, value(float(below))))
    return sql.SQL(" ").join(parts), values


def _column(name: str, value: object) -> str | float | None:
    """What the column of a field holds: a text or a number of the field's kind, else nothing, as Qdrant indexes it."""
    if name in FACETS:
        return storable(name, value) if isinstance(value, str) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
