"""What the memory service adds to the store: places, age, neighbours, quotas, retention, numbers."""

import pytest

from udib.core.errors import ForbiddenError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters
from udib.memory.options import RecallOptions
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.memory.texts import timestamp
from udib.testing.vectors import FakeVectorIndex

A, B = Scope.of("a", "main"), Scope.of("b", "main")
ANY = Filters()
KIND = RecordKind.TRANSCRIPT
DAY = 86_400.0


class Clock:
    """Seconds since 1970 that pass when the test says so."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(embedder: StaticEmbedder) -> EnhancedVectorStore:
    return EnhancedVectorStore(FakeVectorIndex(), embedder)


@pytest.fixture
def memory(store: EnhancedVectorStore, clock: Clock) -> MemoryService:
    return MemoryService(store, clock=clock)


def record(content: str, number: int, text: str, **more: object) -> MemoryRecord:
    fields = {"start_s": 10.0 * number, "end_s": 10.0 * number + 5, "title": f"Talk {content}", "link": f"{content}#t"}
    return MemoryRecord(KIND, ContentId(content), number, text, **{**fields, **more})  # type: ignore[arg-type]


RENT = "Rent control keeps the rents low for whoever has a flat."


async def test_the_same_words_are_found_once_with_every_place(memory: MemoryService) -> None:
    await memory.remember(A, [record("file:1", 0, RENT, speaker="Ann", published_at="2024-05-01")])
    await memory.remember(A, [record("file:2", 3, RENT, speaker="Ann", published_at="2023-01-01")])
    await memory.remember(A, [record("file:3", 0, RENT, speaker="Ben")])
    await memory.remember(B, [record("file:4", 0, RENT, speaker="Ann")])
    [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=ANY)
    assert {(each.record.content_id, each.record.speaker) for each in found} == {("file:1", "Ann"), ("file:3", "Ben")}
    ann = next(each for each in found if each.record.speaker == "Ann")
    assert [(each.content_id, each.start_s, each.link) for each in ann.also] == [("file:2", 30.0, "file:2#t")]
    # Forgetting the first leaves the second, now found itself.
    assert await memory.forget(A, ContentId("file:1")) == 1
    [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=ANY)
    assert {each.record.content_id for each in found} == {"file:2", "file:3"}
    assert all(not each.also for each in found)
    assert await memory.forget(A, ContentId("file:2")) == 1


async def test_what_is_a_copy_is_found_in_its_own_item_too(memory: MemoryService) -> None:
    await memory.remember(A, [record("file:1", 0, RENT, published_at="2020-01-01")])
    await memory.remember(A, [record("file:2", n, text) for n, text in enumerate(["Trees grow.", RENT, "Buses stop."])])
    [[passage]] = await memory.recall(
        A, KIND, ["rent control"], limit=5, filters=Filters(content_id=ContentId("file:2"))
    )
    assert (passage.record.content_id, passage.record.number) == ("file:2", 1)
    [[passage]] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=Filters(starts_from_s=5.0))
    assert passage.record.content_id == "file:2"
    [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=Filters(published_to=1.6e9))
    assert [(each.record.content_id, [also.content_id for also in each.also]) for each in found] == [
        ("file:1", ["file:2"])
    ]
    options = RecallOptions(neighbours=1)
    [[passage]] = await memory.recall(A, KIND, ["trees grow"], limit=1, filters=ANY, options=options)
    assert [each.text for each in passage.after] == [RENT]


async def test_a_later_revision_replaces_what_was_remembered(memory: MemoryService) -> None:
    await memory.remember(A, [record("file:1", 0, RENT), record("file:1", 1, RENT), record("file:1", 2, "Trees grow.")])
    stats = await memory.stats(A)
    assert (stats.records["transcripts"], stats.twins) == (2, 1)
    await memory.remember(A, [record("file:1", 0, "Trees grow tall."), record("file:1", 1, RENT)])
    stats = await memory.stats(A)
    assert (stats.records["transcripts"], stats.twins) == (2, 0)
    [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=ANY)
    assert [(each.record.number, each.also) for each in found] == [(1, ())]


async def test_age_counts_when_it_is_asked_for(memory: MemoryService, clock: Clock) -> None:
    clock.now = timestamp("2024-06-01") or 0.0
    await memory.remember(A, [record("file:1", 0, "Rent control works well.", published_at="2014-06-01")])
    await memory.remember(A, [record("file:2", 0, "Rent control fails, they say of it.", published_at="2024-05-31")])
    await memory.remember(A, [record("file:3", 0, "Rent control is control of a rent that nobody dates.")])
    plain, aged = [
        [each.record.content_id for each in found]
        for options in (RecallOptions(), RecallOptions(half_life_days=30))
        for found in await memory.recall(A, KIND, ["rent control works"], limit=5, filters=ANY, options=options)
    ]
    assert plain[0] == "file:1"
    assert aged[-1] == "file:1"
    assert set(plain) == set(aged)


async def test_what_was_said_around_a_passage(memory: MemoryService) -> None:
    texts = ["First of all, hello.", "Trees are green.", RENT, "Buses are red.", "The end is near."]
    await memory.remember(A, [record("file:1", n, text) for n, text in enumerate(texts)])
    options = RecallOptions(neighbours=2)
    [[passage]] = await memory.recall(A, KIND, ["rent control"], limit=1, filters=ANY, options=options)
    assert [each.text for each in passage.before] == texts[:2]
    assert [each.text for each in passage.after] == texts[3:]


async def test_filters_on_time_and_platform(memory: MemoryService) -> None:
    await memory.remember(A, [record("youtube:1", 0, RENT, published_at="2023-01-01T12:00:00+02:00")])
    await memory.remember(A, [record("twitch:2", 0, f"{RENT} Truly.", published_at="2024-01-01")])
    for filters, wanted in (
        (Filters(platform="youtube"), {"youtube:1"}),
        (Filters(published_from=timestamp("2023-06-01")), {"twitch:2"}),
        (Filters(published_to=timestamp("2023-01-01T10:00:01Z")), {"youtube:1"}),
        (Filters(published_to=timestamp("2023-01-01T10:00:00Z")), set()),
    ):
        [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=filters)
        assert {each.record.content_id for each in found} == wanted


async def test_a_tenant_has_a_quota_over_all_its_workspaces(store: EnhancedVectorStore) -> None:
    memory = MemoryService(store, quota=5)
    other = Scope.of("a", "other")
    await memory.remember(A, [record("file:1", n, f"Sentence number {n}.") for n in range(3)])
    await memory.remember(other, [record("file:2", 0, "Another one.")])
    with pytest.raises(ForbiddenError, match="may hold 5 records; it has 4, and this item would add 2"):
        await memory.remember(A, [record("file:3", n, f"Too much {n}.") for n in range(2)])
    assert await memory.count(A, KIND) == 3
    # The same item again takes no more room, and another tenant has its own.
    await memory.remember(A, [record("file:1", n, f"Sentence number {n} again.") for n in range(4)])
    await memory.remember(B, [record("file:3", n, f"Fine {n}.") for n in range(5)])
    assert (await memory.stats(other)).tenant_records == 5


async def test_an_item_whose_records_are_copies_can_be_stored_again_at_the_quota(store: EnhancedVectorStore) -> None:
    memory = MemoryService(store, quota=4)
    for content in ("file:1", "file:2", "file:2"):
        await memory.remember(A, [record(content, n, f"Sentence number {n}.") for n in range(2)])
    assert (await memory.stats(A)).twins == 2


async def test_records_go_when_their_time_is_over(store: EnhancedVectorStore, clock: Clock) -> None:
    memory = MemoryService(store, retention_days=10, clock=clock)
    await memory.remember(A, [record("file:1", 0, RENT)])
    clock.now += 5 * DAY
    await memory.remember(A, [record("file:2", 0, RENT), record("file:2", 1, "Trees grow.")])
    clock.now += 5 * DAY - 1
    assert await memory.sweep(A) == 0
    clock.now += 1
    assert await memory.sweep(A) == 1
    # The younger copy has taken the place of the one that went.
    [found] = await memory.recall(A, KIND, ["rent control"], limit=5, filters=ANY)
    assert [each.record.content_id for each in found] == ["file:2"]
    clock.now += 5 * DAY
    assert await memory.sweep(A) == 2
    assert (await memory.stats(A)).records["transcripts"] == 0


async def test_the_numbers_of_a_workspace(memory: MemoryService) -> None:
    await memory.remember(A, [record("youtube:1", n, f"Sentence {n}.", speaker="Ann") for n in range(3)])
    await memory.remember(A, [record("file:1", 0, "Sentence 0.", speaker="Ann")])
    for _ in range(2):
        await memory.recall(A, KIND, ["sentence"], limit=5, filters=ANY)
    stats = await memory.stats(A)
    assert stats.records == {"transcripts": 3, "claims": 0, "analyses": 0, "documents": 0}
    assert (stats.twins, stats.tenant_records, stats.quota) == (1, 4, None)
    assert (stats.speakers, stats.platforms) == ({"Ann": 3}, {"youtube": 3})
    assert stats.search_cache["hit_rate"] == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("yesterday", None),
        ("1970-01-02", DAY),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T02:00:00+02:00", 0.0),
    ],
)
def test_dates_are_utc_unless_they_say_otherwise(text: str | None, seconds: float | None) -> None:
    assert timestamp(text) == seconds
