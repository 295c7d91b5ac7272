"""Evidence from reviews, the own stores and pages: in which order, how often, and what is said where there is none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from udib.core.breaker import CircuitBreakers
from udib.core.errors import BadRequestError, BudgetExceededError, UdibError, UnavailableError
from udib.core.evidence import Document, Review, SearchHit, TextExcerpt
from udib.core.findings import Evidence, EvidenceKind
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform
from udib.memory.excerpts import excerpts
from udib.pipeline.gathering import Elsewhere, Gathering, LookUpLimits
from udib.pipeline.outside import Tiers, from_pages, is_item
from udib.storage.kv import MemoryKeyValueStore
from udib.testing.fake_evidence import FakeEvidenceSource

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")
TALK = Content(
    ContentId("youtube:abcdef12345"), Platform.YOUTUBE, "x", "Talk", "https://www.youtube.com/watch?v=abcdef12345"
)
RENTS = "Rents in Vienna rose by twelve percent in 2021."
FERRY = "The council closed three ferry lines in spring."
HARBOR = "Harbor fees doubled under the mayor."
OWN = Evidence("They said so.", "Other talk", "", 0.5, ContentId("file:1"))
TIERS = Tiers(("stats.example",), ("paper.example",))


def hit(url: str) -> SearchHit:
    return SearchHit(
        EvidenceKind.WEB, url, "A page", "a snippet is no evidence: rents in Vienna rose by twelve percent"
    )


def page(url: str, *texts: str) -> Document:
    return Document(url, "Rents", "\n".join(texts), "2026-05-01T12:00:00+00:00", "Publisher", "2022-03-01")


def review(claim: str, url: str = "https://checkers.example/1") -> SearchHit:
    return SearchHit(
        EvidenceKind.REVIEW, url, "Checked", publisher="Checkers", review=Review(claim, "False", "A. Speaker")
    )


class Place:
    """A gathering over scripted sources; `kept` outlives it."""

    def __init__(self, **limits: float) -> None:
        self.reviews = FakeEvidenceSource("published reviews (fake)")
        self.web = FakeEvidenceSource()
        self.kept = MemoryKeyValueStore()
        self.limits = replace(LookUpLimits(), **limits)  # type: ignore[arg-type]
        self.now_s = 0.0
        self.breakers = CircuitBreakers(2, 300.0, clock=lambda: self.now_s)

    def gathering(self, scope: Scope = ACME, content: Content = TALK) -> Gathering:
        async def own(statements: Sequence[str]) -> list[list[Evidence]]:
            return [[OWN] for _ in statements]

        now = datetime(2026, 5, 1, tzinfo=UTC)
        outside = (self.reviews, self.web, excerpts, self.kept, TIERS, self.limits)
        elsewhere = Elsewhere(*outside, lambda: now, self.breakers)
        return Gathering(own, elsewhere, scope, content)

    def names(self, *pages: Document | tuple[str, UdibError]) -> None:
        given = [(each.url, each) if isinstance(each, Document) else each for each in pages]
        self.web.hits = [hit(url) for url, _ in given]
        self.web.pages = dict(given)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_reviews_come_first_then_the_own_stores_then_pages(place: Place) -> None:
    reviewed = "The council closed three ferry lines this spring"
    place.reviews.by_claim = {FERRY: [review(reviewed), review("Cats can fly")]}
    place.names(page("https://a.example/1", RENTS))
    ferry, rents = await place.gathering().look_up([FERRY, RENTS])
    assert [each.kind for each in ferry] == [EvidenceKind.REVIEW, EvidenceKind.MEMORY]
    assert [each.kind for each in rents] == [EvidenceKind.MEMORY, EvidenceKind.WEB]
    assert (ferry[0].text, ferry[0].rating, ferry[0].speaker, ferry[0].tier) == (
        reviewed, "False", "A. Speaker", 1
    )  # fmt: skip
    assert ferry[0].retrieved_at == "2026-05-01T00:00:00+00:00"
    assert [claim for _, claim in place.web.asked] == [RENTS]  # what was reviewed is not searched for


async def test_a_review_comes_with_the_words_of_its_page_on_the_claim_or_says_why_not(place: Place) -> None:
    first, second = review(FERRY), review(FERRY, "https://others.example/2")
    explained = "In spring the council closed one of the ferry lines, not three of them."
    place.reviews.hits = [first, second]
    place.reviews.pages = {first.url: page(first.url, "Our newsletter comes weekly.", explained)}
    gathering = place.gathering()
    [[one, other, _]] = await gathering.look_up([FERRY])
    assert (one.text, one.explained, other.explained) == (FERRY, explained, None)
    [gap] = gathering.missing
    assert gap.part == "evidence pages"
    assert "1 of 2 could not be read. https://others.example/2" in gap.reason


async def test_where_no_pages_may_be_read_none_of_a_review_is() -> None:
    place = Place(pages=0)
    place.reviews.hits = [review(FERRY)]
    [[found, _]] = await place.gathering().look_up([FERRY])
    assert (found.explained, place.reviews.read_) == (None, [])


async def test_a_review_of_another_claim_on_the_subject_does_not_end_the_search(place: Place) -> None:
    place.reviews.hits = [review("The council closed all twelve ferry lines")]
    place.names(page("https://a.example/1", FERRY))
    [found] = await place.gathering().look_up([FERRY])
    assert [each.kind for each in found] == [EvidenceKind.REVIEW, EvidenceKind.MEMORY, EvidenceKind.WEB]


async def test_what_a_page_says_on_the_subject_is_evidence_and_a_snippet_is_not(place: Place) -> None:
    said = "The office said that rents in Vienna rose by six percent in 2021."
    place.names(
        page("https://a.example/1", "Cooking rice takes time.", said),
        page("https://b.example/2", "In 2021 twelve percent of all cats learned to fly."),
    )
    [[_, found]] = await place.gathering().look_up([RENTS])
    assert found == Evidence(
        said, "Rents", "https://a.example/1", found.relevance, published_at="2022-03-01", kind=EvidenceKind.WEB,
        publisher="Publisher", tier=3, retrieved_at="2026-05-01T12:00:00+00:00",
    )  # fmt: skip


async def test_a_date_of_a_search_that_is_still_to_come_is_none(place: Place) -> None:
    place.web.hits = [replace(hit("https://a.example/1"), published_at="2031-01-01")]
    place.web.pages = {"https://a.example/1": replace(page("https://a.example/1", RENTS), published_at=None)}
    [[_, found]] = await place.gathering().look_up([RENTS])
    assert (found.kind, found.published_at) == (EvidenceKind.WEB, None)


async def test_who_is_nearer_to_the_fact_comes_first(place: Place) -> None:
    place.names(
        page("https://anybody.example/1", "Somebody wrote that rents in Vienna rose."),
        page("https://www.paper.example/2", "The paper reports that Vienna has rising rents."),
        page("https://data.stats.example/3", "Table 4 gives the rents of Vienna: 12 percent more than in 2020."),
        page("https://notstats.example/4", "More on rents in Vienna."),
    )
    [[_, *found]] = await place.gathering().look_up([RENTS])
    assert [(each.tier, each.link) for each in found] == [
        (1, "https://data.stats.example/3"), (2, "https://www.paper.example/2"), (3, "https://anybody.example/1")
    ]  # fmt: skip


async def test_one_text_on_many_sites_counts_once(place: Place) -> None:
    text = "Breaking: rents in Vienna exploded again, insiders of the landlords say, and nobody knows why it happened."
    place.names(*(page(f"https://spam{number}.example/", f"{text} {number}") for number in range(3)))
    [[_, *found]] = await place.gathering().look_up([RENTS])
    assert len(found) == 1


async def test_pages_of_one_host_are_read_once(place: Place) -> None:
    place.names(*(page(f"https://a.example/{number}", RENTS) for number in range(5)))
    await place.gathering().look_up([RENTS])
    assert place.web.read_ == ["https://a.example/0"]


async def test_neither_the_item_itself_nor_a_copy_of_it_is_evidence(place: Place) -> None:
    place.names(
        page("https://youtube.com/watch?v=abcdef12345&t=3", RENTS),
        page("https://transcripts.example/talk", f"{RENTS} Yes. {FERRY} And so on."),
        replace(page("https://short.example/x", RENTS), url="https://m.youtube.com/watch?v=abcdef12345"),
        page("https://news.example/1", "Vienna: rents rose by twelve percent, the office says."),
    )
    place.web.pages = dict(zip([each.url for each in place.web.hits], place.web.pages.values(), strict=True))
    place.limits = replace(place.limits, pages=5)
    found = await place.gathering().look_up([RENTS, FERRY, HARBOR])
    assert [[each.link for each in some[1:]] for some in found] == [["https://news.example/1"], [], []]


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://youtu.be/abcdef12345", False),  # another host, unless it names the item: see the next
        ("https://www.youtube.com/embed/abcdef12345", True),
        ("https://www.youtube.com/watch?v=zzzzzz12345", False),
        ("https://example.org/watch?v=abcdef12345", False),
        ("http://[broken", False),
    ],
)
def test_an_item_is_known_by_its_address(url: str, same: bool) -> None:
    assert is_item(url, TALK) is same


async def test_only_the_first_claims_are_looked_up_over_all_calls() -> None:
    place = Place(claims=2)
    gathering = place.gathering()
    await gathering.look_up([RENTS])
    await gathering.look_up([FERRY, HARBOR])
    assert [claim for _, claim in place.web.asked] == [RENTS, FERRY]
    assert gathering.missing == ()


async def test_what_was_asked_and_read_is_kept_for_a_while_within_the_scope(place: Place) -> None:
    place.names(page("https://a.example/1", RENTS))
    first = await place.gathering().look_up([RENTS])
    assert await place.gathering().look_up([RENTS]) == first
    assert (len(place.web.asked), len(place.web.read_), len(place.reviews.asked)) == (1, 1, 1)
    await place.gathering(OTHER).look_up([RENTS])
    assert [scope for scope, _ in place.web.asked] == [ACME, OTHER]
    assert len(place.web.read_) == 2


async def test_nothing_is_kept_when_the_settings_say_so() -> None:
    place = Place(keep_s=0)
    await place.gathering().look_up([RENTS])
    await place.gathering().look_up([RENTS])
    assert len(place.web.asked) == 2


async def test_a_source_that_is_down_is_named_and_left_alone(place: Place) -> None:
    place.web.error = UnavailableError("search.example did not answer in time.")
    gathering = place.gathering()
    found = await gathering.look_up([RENTS, FERRY, HARBOR, *(f"{RENTS} {number}" for number in range(9))])
    assert all(some == [OWN] for some in found)
    [gap] = gathering.missing
    assert (gap.part, gap.reason) == (
        "web search (fake)", "not for 12 claims: search.example did not answer in time."
    )  # fmt: skip
    assert len(place.web.asked) <= 5  # four at a time, and none after the second failure


@dataclass
class NowAndThenDown(FakeEvidenceSource):
    """Is down for every claim on rents."""

    async def search(self, scope: Scope, claim: str, *, limit: int) -> list[SearchHit]:
        found = await super().search(scope, claim, limit=limit)
        if RENTS in claim:
            raise UnavailableError("search.example did not answer in time.")
        return found


async def test_failures_with_an_answer_between_them_are_not_in_a_row(place: Place) -> None:
    place.web = NowAndThenDown()
    gathering = place.gathering()
    await gathering.look_up([RENTS, FERRY])  # asked at the same time: the answer comes after the failure
    await gathering.look_up([f"{RENTS} Again."])
    await gathering.look_up([HARBOR])
    assert (ACME, HARBOR) in place.web.asked


async def test_a_source_that_is_down_costs_one_wait_in_a_rest_for_all_items(place: Place) -> None:
    place.web.error = UnavailableError("search.example did not answer in time.")
    await place.gathering().look_up([RENTS, FERRY])
    place.web.asked.clear()
    following = place.gathering(scope=OTHER)
    await following.look_up([RENTS])
    assert place.web.asked == []
    [gap] = following.missing
    assert "did not answer a moment ago, and is asked again after a rest of 5 minutes" in gap.reason
    place.now_s = 301.0
    await place.gathering().look_up([RENTS, FERRY, HARBOR])
    assert len(place.web.asked) == 1, "one call tries whether it is back"
    place.now_s, place.web.error = 700.0, None
    back = place.gathering()
    await back.look_up([RENTS])
    await back.look_up([FERRY])
    assert back.missing == ()


async def test_what_the_claim_or_the_allowance_is_to_blame_for_lets_no_source_rest(place: Place) -> None:
    for error in (BadRequestError("It is too long."), BudgetExceededError("No searches are left.")):
        place.web.error = error
        await place.gathering().look_up([RENTS, FERRY, HARBOR])
    place.web.error = None
    last = place.gathering()
    await last.look_up([RENTS])
    assert last.missing == ()


async def test_without_an_allowance_nothing_more_is_asked(place: Place) -> None:
    place.web.error = BudgetExceededError("The tenant 'acme' has had its 5 searches of today.")
    gathering = place.gathering()
    await gathering.look_up([RENTS])
    await gathering.look_up([FERRY])
    assert len(place.web.asked) == 1
    assert gathering.missing[0].reason.startswith("not for 2 claims: The tenant 'acme' has had")


async def test_a_search_that_takes_too_long_ends_with_what_is_there() -> None:
    place = Place(deadline_s=0.3)
    rated = review("Rents in Vienna rose")
    place.reviews.by_claim, place.reviews.pages = {RENTS: [rated]}, {rated.url: page(rated.url, RENTS)}
    place.web.delay_s = 60
    gathering = place.gathering()
    rents, ferry = await gathering.look_up([RENTS, FERRY])
    assert [each.kind for each in rents] == [EvidenceKind.REVIEW, EvidenceKind.MEMORY]
    assert ferry == [OWN]
    assert [gap.part for gap in gathering.missing] == ["evidence"]


async def test_pages_that_were_read_in_time_count() -> None:
    place = Place(deadline_s=0.3)
    place.names(page("https://a.example/1", RENTS), page("https://slow.example/2", RENTS))
    place.web.slow = frozenset({"https://slow.example/2"})
    gathering = place.gathering()
    [[_, found]] = await gathering.look_up([RENTS])
    assert found.link == "https://a.example/1"
    assert [gap.part for gap in gathering.missing] == ["evidence"]


async def test_pages_that_cannot_be_read_are_named(place: Place) -> None:
    reason = BadRequestError("wall.example/1 is not readable: it is behind a paywall or a login.")
    place.names(("https://wall.example/1", reason), page("https://a.example/1", RENTS))
    gathering = place.gathering()
    [[_, found]] = await gathering.look_up([RENTS])
    assert found.link == "https://a.example/1"
    [gap] = gathering.missing
    assert gap.part == "evidence pages"
    assert gap.reason == f"1 of 2 could not be read. {reason}"


async def test_a_cache_that_is_away_stops_nothing(place: Place) -> None:
    class Away(MemoryKeyValueStore):
        async def get(self, key: str) -> bytes | None:
            raise UnavailableError("away")

        async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
            raise UnavailableError("away")

        def with_namespace(self, name: str) -> "Away":
            return self

    place.kept = Away()
    place.names(page("https://a.example/1", RENTS))
    [[_, found]] = await place.gathering().look_up([RENTS])
    assert found.text == RENTS


async def test_a_cancelled_look_up_leaves_nothing_running(place: Place) -> None:
    place.web.delay_s = 60
    task = asyncio.create_task(place.gathering().look_up([RENTS]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


async def test_a_document_of_a_named_publisher_weighs_more(place: Place) -> None:
    gathering = place.gathering()
    document = replace(OWN, kind=EvidenceKind.FILE)
    assert gathering._weighed(document).tier == 3
    assert gathering._weighed(replace(document, publisher="Office")).tier == 2
    assert gathering._weighed(replace(document, link="https://stats.example/a.pdf")).tier == 1
    assert gathering._weighed(OWN).tier == 3


@pytest.mark.parametrize(("start", "pieces"), [(0, 1), (1, 0)])
def test_words_that_do_not_stand_where_they_should_in_a_page_are_no_evidence(start: int, pieces: int) -> None:
    text = "In 2021 the rents in Vienna rose."
    found = TextExcerpt(text, start, start + len(text), ("rents", "vienna", "rose"), 0.9)
    url = "https://a.example/1"
    [some] = from_pages([RENTS], [[hit(url)]], {url: page(url, text)}, lambda _, __: [[found]], TIERS)
    assert len(some) == pieces
