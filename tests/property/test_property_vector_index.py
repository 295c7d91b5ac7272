"""Writes, deletions and searches of several scopes in any order: every index holds what a plain dictionary holds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Filters, Point, Query, VectorIndex
from udib.memory.edge import EdgeIndex

SCOPES = [Scope.of("a", "main"), Scope.of("a", "other"), Scope.of("b", "main"), Scope.of("a_b", "main")]
CONTENTS = [ContentId("c1"), ContentId("c2"), ContentId("C1")]
EVERYTHING = Query((1.0, 0.0), limit=1000)


class Closable(VectorIndex, Protocol):
    async def close(self) -> None: ...


Open = Callable[[], Closable]


@dataclass
class Model:
    """What the index should hold. Ids are of one scope, as `point_id` makes them."""

    points: dict[tuple[Scope, str], Point] = field(default_factory=dict)

    def of(self, scope: Scope, content: ContentId | None = None) -> dict[str, Point]:
        return {
            number: point
            for (owner, number), point in self.points.items()
            if owner == scope and content in {None, point.payload["content_id"]}
        }


def number_of(scope: Scope, number: int) -> str:
    return str(UUID(int=SCOPES.index(scope) * 100 + number))


scopes = st.sampled_from(SCOPES)
contents = st.sampled_from(CONTENTS)
numbers = st.integers(0, 9)
terms = st.dictionaries(st.integers(0, 4), st.sampled_from([0.5, 1.0, 2.0]), max_size=3)
written = st.tuples(numbers, contents, st.sampled_from([(1.0, 0.0), (0.6, 0.8), (-1.0, 0.5)]), terms)
steps = st.one_of(
    st.tuples(st.just("upsert"), scopes, st.lists(written, max_size=5)),
    st.tuples(st.just("delete"), scopes, contents),
    st.tuples(st.just("remove"), scopes, st.lists(st.tuples(scopes, numbers), max_size=4)),
)


async def apply(index: VectorIndex, model: Model, name: str, step: tuple[str, Scope, object]) -> None:
    match step:
        case ("upsert", Scope() as scope, list(batch)):
            points = [
                Point(number_of(scope, number), vector, {"content_id": content, "number": number}, terms)
                for number, content, vector, terms in batch
            ]
            await index.upsert(scope, name, points)
            model.points |= {(scope, point.id): point for point in points}
        case ("delete", Scope() as scope, str(content)):
            gone = model.of(scope, ContentId(content))
            assert await index.delete(scope, name, Filters(content_id=ContentId(content))) == len(gone)
            model.points = {key: point for key, point in model.points.items() if key[0] != scope or key[1] not in gone}
        case ("remove", Scope() as scope, list(wanted)):
            ids = [number_of(owner, number) for owner, number in wanted]  # foreign ids are left alone
            there = {each for each in ids if (scope, each) in model.points}
            assert await index.remove(scope, name, ids) == len(there)
            model.points = {key: point for key, point in model.points.items() if key[0] != scope or key[1] not in there}


async def agree(index: VectorIndex, model: Model, name: str) -> None:
    for scope in SCOPES:
        expected = model.of(scope)
        stored = (await index.scroll(scope, name, Filters())).points
        assert [point.id for point in stored] == sorted(expected)
        for point in stored:
            assert point.payload == expected[point.id].payload
            assert dict(point.terms) == dict(expected[point.id].terms)
        found = await index.search(scope, name, EVERYTHING)
        assert {hit.id for hit in found} == set(expected)
        worded = await index.search(scope, name, Query((), {1: 1.0, 2: 1.0}, limit=1000))
        assert {hit.id for hit in worded} == {key for key, point in expected.items() if {1, 2} & set(point.terms)}
        for content in CONTENTS:
            count = await index.count(scope, name, Filters(content_id=content))
            assert count == len(model.of(scope, content))
    assert sum((await index.usage(name)).values()) == len(model.points)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Open:
    folder = tmp_path_factory.mktemp("index") / "vectors"
    return lambda: EdgeIndex(folder, linger_s=0.5)


@pytest.fixture(scope="module")
def postgres_index(postgres_url: str) -> Open:
    from udib.memory.postgres import PostgresIndex

    return lambda: PostgresIndex(postgres_url, "property")


POSTGRES = [pytest.mark.server, pytest.mark.xdist_group("postgres")]


@pytest.mark.parametrize("adapter", ["edge", pytest.param("postgres_index", marks=POSTGRES)])
# Few examples: the embedded index rewrites its files at each deletion, and new ones are tried at each run.
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=4, max_size=8))
def test_an_index_holds_what_a_dictionary_holds(
    adapter: str, request: pytest.FixtureRequest, history: list[tuple[str, Scope, object]]
) -> None:
    open_index: Open = request.getfixturevalue(adapter)

    async def live() -> None:
        name, model = f"test-{uuid4().hex}", Model()
        index = open_index()
        try:
            await index.ensure(name, model_id="m", dimension=2)
            for step in history:
                await apply(index, model, name, step)
            await agree(index, model, name)
            assert await index.drop(name, expected=len(model.points))
        finally:
            await index.close()

    asyncio.run(live())
