"""What every `EvidenceSource` promises, on each service against a loopback server with the documented answer shapes."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientTimeout

from udib.core.errors import BudgetExceededError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.findings import EvidenceKind
from udib.core.tenancy import Scope
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.sources.evidence import SearchAllowance, SearchedEvidence, query_of
from udib.sources.page_reader import PageReader
from udib.sources.search_engines import (
    Brave,
    GoogleFactCheck,
    OpenSearch,
    SearchEngine,
    Searxng,
    Serper,
    Tavily,
)
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger
from udib.testing.web_server import WebAnswer, WebServer, web_server

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")
CLAIM = "Rents in Vienna rose by twelve percent in 2021."
FIRST, SECOND = "https://stats.example/rents", "https://paper.example/2022/rents"
DAY = "2022-03-01"
PAGE = b"<html><title>Rents</title><body><main><p>Rents in Vienna rose by 12 percent.</p></main></body></html>"

SEARXNG = {
    "query": CLAIM,
    "number_of_results": 0,
    "results": [
        {"url": FIRST, "title": "Rents 2021", "content": "Rents rose", "publishedDate": "2022-03-01T00:00:00"},
        {"url": SECOND, "title": "The rise", "content": "", "publishedDate": None},
        {"url": "magnet:?xt=urn", "title": "spam", "content": ""},
    ],
    "unresponsive_engines": [],
}  # fmt: skip
BRAVE = {
    "type": "search",
    "web": {
        "type": "search",
        "results": [
            {"title": "Rents 2021", "url": FIRST, "description": "Rents rose", "page_age": "2022-03-01T10:00:00",
             "profile": {"name": "Office", "url": FIRST}},
            {"title": "The rise", "url": SECOND, "description": "By twelve percent", "age": "2 days ago"},
        ],
    },
}  # fmt: skip
SERPER = {
    "searchParameters": {"q": CLAIM, "type": "search"},
    "organic": [
        {"title": "Rents 2021", "link": FIRST, "snippet": "Rents rose", "date": "Mar 1, 2022", "position": 1},
        {"title": "The rise", "link": SECOND, "snippet": "By twelve", "date": "2 days ago", "position": 2},
    ],
}
TAVILY = {
    "query": CLAIM,
    "results": [
        {"title": "Rents 2021", "url": FIRST, "content": "Rents rose", "score": 0.9,
         "published_date": "Tue, 01 Mar 2022 00:00:00 GMT"},
        {"title": "The rise", "url": SECOND, "content": "By twelve", "score": 0.5},
    ],
    "response_time": 1.2,
}  # fmt: skip
OWN_JSON = {
    "data": {"docs": [{"link": {"href": FIRST}, "name": "Rents 2021", "when": DAY}, {"link": {"href": SECOND}}]}
}
RSS = f"""<?xml version="1.0"?><rss version="2.0"><channel><title>Results</title>
<item><title>Rents 2021</title><link>{FIRST}</link><description>Rents rose</description>
<pubDate>Tue, 01 Mar 2022 00:00:00 GMT</pubDate></item>
<item><title>The rise</title><link>{SECOND}</link></item></channel></rss>"""
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Results</title>
<entry><title>Rents 2021</title><link rel="self" href="https://x.example/1"/><link href="{FIRST}"/>
<updated>2022-03-01</updated><summary>Rents rose</summary></entry>
<entry><title>The rise</title><link href="{SECOND}"/></entry></feed>"""
GOOGLE = {
    "claims": [
        {"text": "Rents in Vienna doubled in 2021", "claimant": "A. Speaker", "claimDate": "2021-12-01T00:00:00Z",
         "claimReview": [
             {"publisher": {"name": "Checkers", "site": "checkers.example"}, "url": FIRST, "title": "Rents 2021",
              "reviewDate": "2022-03-01T00:00:00Z", "textualRating": "False", "languageCode": "en"},
             {"publisher": {"site": "second.example"}, "url": SECOND, "textualRating": "Mostly false"},
             {"publisher": {"name": "No rating"}, "url": FIRST},
         ]},
    ],
    "nextPageToken": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Service:
    """A service, how it is opened on a server, its answer, and where its key has to be."""

    open: Callable[[str], SearchEngine]
    answer: object
    path: str
    kind: str = "application/json"
    key: tuple[str, str] | None = None
    query: str = "q"


SERVICES = {
    "searxng": Service(Searxng, SEARXNG, "/search"),
    "brave": Service(lambda url: Brave("secret", f"{url}/res"), BRAVE, "/res", key=("x-subscription-token", "secret")),
    "serper": Service(lambda url: Serper("secret", f"{url}/search"), SERPER, "/search", key=("x-api-key", "secret")),
    "tavily": Service(
        lambda url: Tavily("secret", f"{url}/search"), TAVILY, "/search", key=("authorization", "Bearer secret"),
        query="query",
    ),
    "opensearch-json": Service(
        lambda url: OpenSearch(
            f"{url}/find?q={{searchTerms}}&n={{count?}}", "secret", "data.docs", ("link.href", "name", "text", "when")
        ),
        OWN_JSON, "/find", key=("authorization", "Bearer secret"),
    ),
    "opensearch-rss": Service(
        lambda url: OpenSearch(f"{url}/find?q={{searchTerms}}"), RSS, "/find", "application/rss+xml"
    ),
    "opensearch-atom": Service(
        lambda url: OpenSearch(f"{url}/find?q={{searchTerms}}"), ATOM, "/find", "application/atom+xml"
    ),
    "google": Service(
        lambda url: GoogleFactCheck("secret", f"{url}/claims"), GOOGLE, "/claims", key=("x-goog-api-key", "secret"),
        query="query",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@dataclass
class Place:
    """One service with its source, on a server of its own script."""

    service: Service
    server: WebServer
    source: SearchedEvidence
    ledger: SqliteLedger
    build: Callable[..., SearchedEvidence] = field(repr=False)

    def says(self, answer: object, **more: object) -> None:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        self.server.answers[self.service.path] = WebAnswer(body.encode(), self.service.kind, **more)  # type: ignore[arg-type]


@pytest.fixture(params=SERVICES)
async def place(request: pytest.FixtureRequest, server: WebServer, tmp_path: Path) -> AsyncIterator[Place]:
    service = SERVICES[request.param]
    server.answers.clear()
    server.seen.clear()
    database = Database(tmp_path / "spending.db", SCHEMA)
    ledger = SqliteLedger(database)
    pool = HTTPConnectionPool(guard=AddressGuard({server.endpoint}), timeout=ClientTimeout(total=5))
    retry = RetryPolicy(max_attempts=1)

    def build(*, per_day: int | None = 5, redact: Callable[[str], str] = str) -> SearchedEvidence:
        return SearchedEvidence(
            "web search (x)",
            service.open(server.url),
            (pool, retry),
            pages=PageReader(pool, retry),
            allowance=SearchAllowance(ledger, per_day, 0.01, 1.0),
            redact=redact,
        )

    place = Place(service, server, build(), ledger, build)
    place.says(service.answer)
    yield place
    await pool.close()
    await database.close()


async def test_hits_have_web_addresses_titles_and_dates(place: Place) -> None:
    first, second = await place.source.search(ACME, CLAIM, limit=10)
    assert (first.url, second.url) == (FIRST, SECOND)
    assert first.title == "Rents 2021"
    assert (first.published_at or "").startswith(DAY)
    assert second.published_at is None
    assert (first.kind is EvidenceKind.REVIEW) == (first.review is not None)


async def test_the_claim_is_what_is_asked_and_the_key_stands_in_a_header_only(place: Place) -> None:
    await place.source.search(ACME, f"  {CLAIM}\n", limit=10)
    [asked] = place.server.asked(place.service.path)
    said = json.loads(asked.body) if asked.body else asked.query
    assert said[place.service.query if place.service.query in said else "q"] == CLAIM
    if place.service.key:
        name, value = place.service.key
        assert asked.headers[name] == value
    assert "secret" not in f"{asked.path}{asked.query}{asked.body!r}"


async def test_at_most_so_many_hits_are_given(place: Place) -> None:
    assert len(await place.source.search(ACME, CLAIM, limit=1)) == 1


@pytest.mark.parametrize(
    "answer", ["", "[]", "<html><body>Not what you asked", '{"error": "limit"}', "\x00\xff", "[" * 100_000]
)
async def test_an_answer_of_another_shape_is_an_outage_or_nothing(place: Place, answer: str) -> None:
    place.says(answer)
    with suppress(UnavailableError):
        assert await place.source.search(ACME, CLAIM, limit=10) == []


@pytest.mark.parametrize(
    ("status", "error"), [(401, ForbiddenError), (403, ForbiddenError), (429, NotSentError), (503, UnavailableError)]
)
async def test_refusals_say_what_can_be_done(place: Place, status: int, error: type[UdibError]) -> None:
    place.says("no", status=status)
    with pytest.raises(error):
        await place.source.search(ACME, CLAIM, limit=10)


async def test_a_redirect_never_takes_the_key_along(place: Place) -> None:
    place.says("", status=302, headers={"Location": f"{place.server.url}/elsewhere"})
    with pytest.raises(UdibError):
        await place.source.search(ACME, CLAIM, limit=10)
    assert place.server.asked("/elsewhere") == []


async def test_an_endless_answer_is_refused(place: Place) -> None:
    place.says("x" * 100_000, repeated=100)
    with pytest.raises(UdibError, match="longer than"):
        await place.source.search(ACME, CLAIM, limit=10)


async def test_a_tenant_has_its_own_searches_a_day_and_they_are_in_the_account(place: Place) -> None:
    source = place.build(per_day=2)
    for _ in range(2):
        await source.search(ACME, CLAIM, limit=3)
    with pytest.raises(BudgetExceededError, match=r"2 searches of today.*searches_per_day"):
        await source.search(ACME, CLAIM, limit=3)
    assert await source.search(OTHER, CLAIM, limit=3)
    assert len(place.server.seen) == 3
    [spent] = await place.ledger.spendings(ACME.tenant, days=1)
    assert (spent.task, spent.calls, spent.cost_usd) == ("search", 2, 0.02)


async def test_what_was_turned_away_is_not_counted(place: Place) -> None:
    source = place.build(per_day=1)
    place.says("no", status=429)
    with pytest.raises(NotSentError):
        await source.search(ACME, CLAIM, limit=3)
    place.says(place.service.answer)
    assert await source.search(ACME, CLAIM, limit=3)


async def test_private_details_can_be_taken_out_and_nothing_is_asked_for_nothing(place: Place) -> None:
    source = place.build(redact=lambda text: text.replace("Vienna", ""))
    await source.search(ACME, CLAIM, limit=3)
    assert "Vienna" not in f"{place.server.seen[0].query}{place.server.seen[0].body!r}"
    assert await source.search(ACME, " ", limit=3) == []
    assert len(place.server.seen) == 1


async def test_a_page_is_read_by_its_address(place: Place) -> None:
    place.server.answers["/rents"] = WebAnswer(PAGE)
    [hit, *_] = await place.source.search(ACME, CLAIM, limit=3)
    page = await place.source.read(type(hit)(hit.kind, f"{place.server.url}/rents", hit.title))
    assert (page.text, page.title) == ("Rents in Vienna rose by 12 percent.", "Rents")


async def test_it_says_how_it_is_without_asking(place: Place) -> None:
    health = await place.source.ping()
    assert health.ok
    assert "5 searches a day" in health.detail
    assert place.server.seen == []


def test_a_long_claim_becomes_a_query_that_services_take() -> None:
    query = query_of("word " * 500 + "x" * 1000)
    assert len(query) <= 300
    assert len(query.split()) <= 40
