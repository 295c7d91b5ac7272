"""How each search service is asked and what it answers. Pure: addresses and bodies out, hits in.

The shapes are the documented ones of SearXNG, Brave Search, Serper, Tavily, OpenSearch (with a template) and Google's
Fact Check Tools. What an answer has beyond them is ignored; a hit without a web address is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import quote, urlencode

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.evidence import Review, SearchHit
from udib.core.findings import EvidenceKind
from udib.net.guard import check_address
from udib.sources.feed_answer import entries_of
from udib.sources.page_child import day, name

_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}
_ASKED_FOR: Final = 10
"""Hits that an engine is asked for at least: some are of no use."""
_LONGEST_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is sent: a GET, or a POST where there is a body."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class SearchEngine(Protocol):
    """A search service. Its key goes into a header, where no log of addresses shows it."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    @property
    def address(self) -> str:
        """Where it is."""
        ...

    def request(self, query: str, limit: int) -> SearchRequest:
        """How it is asked for `limit` hits."""
        ...

    def hits(self, body: bytes) -> list[SearchHit]:
        """What it answers, best first.

        Raises:
            UnavailableError: The answer has another shape than the service's.
        """
        ...


@dataclass(frozen=True, slots=True)
class Searxng:
    """A SearXNG server; its settings must allow the format `json`."""

    address: str
    name: str = "searxng"

    def request(self, query: str, limit: int) -> SearchRequest:  # noqa: ARG002 - it has no such parameter
        """GET /search."""
        return SearchRequest(f"{self.address.rstrip('/')}/search?{urlencode({'q': query, 'format': 'json'})}")

    def hits(self, body: bytes) -> list[SearchHit]:
        """`results`."""
        return _hits(
            self.name, _json(self.name, body).get("results"), _Paths(snippet="content", published="publishedDate")
        )


@dataclass(frozen=True, slots=True)
class Brave:
    """Brave's web search."""

    DEFAULT: ClassVar[str] = "https://api.search.brave.com/res/v1/web/search"

    key: str = field(repr=False)
    address: str = DEFAULT
    name: str = "brave"

    def request(self, query: str, limit: int) -> SearchRequest:
        """GET with the key as X-Subscription-Token."""
        asked = urlencode({"q": query, "count": min(max(limit, _ASKED_FOR), 20), "text_decorations": "false"})
        return SearchRequest(
            f"{self.address}?{asked}", {"X-Subscription-Token": self.key, "Accept": "application/json"}
        )

    def hits(self, body: bytes) -> list[SearchHit]:
        """`web.results`."""
        paths = _Paths(snippet="description", published="page_age", publisher="profile.name")
        return _hits(self.name, _at(_json(self.name, body), "web.results") or [], paths)


@dataclass(frozen=True, slots=True)
class Serper:
    """Serper, which gives Google's hits."""

    DEFAULT: ClassVar[str] = "https://google.serper.dev/search"

    key: str = field(repr=False)
    address: str = DEFAULT
    name: str = "serper"

    def request(self, query: str, limit: int) -> SearchRequest:
        """POST with the key as X-API-KEY."""
        body = msgspec.json.encode({"q": query, "num": min(max(limit, _ASKED_FOR), 100)})
        return SearchRequest(self.address, {**_JSON, "X-API-KEY": self.key}, body)

    def hits(self, body: bytes) -> list[SearchHit]:
        """`organic`."""
        return _hits(self.name, _json(self.name, body).get("organic"), _Paths(url="link", published="date"))


@dataclass(frozen=True, slots=True)
class Tavily:
    """Tavily's search."""

    DEFAULT: ClassVar[str] = "https://api.tavily.com/search"

    key: str = field(repr=False)
    address: str = DEFAULT
    name: str = "tavily"

    def request(self, query: str, limit: int) -> SearchRequest:
        """POST with the key as bearer."""
        body = msgspec.json.encode({"query": query, "max_results": min(max(limit, _ASKED_FOR), 20)})
        return SearchRequest(self.address, {**_JSON, "Authorization": f"Bearer {self.key}"}, body)

    def hits(self, body: bytes) -> list[SearchHit]:
        """`results`."""
        paths = _Paths(snippet="content", published="published_date")
        return _hits(self.name, _json(self.name, body).get("results"), paths)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Where a hit has what, each a name or several with points between them."""

    url: str = "url"
    title: str = "title"
    snippet: str = "snippet"
    published: str = "published"
    publisher: str = ""


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """Any service with a template as OpenSearch 1.1 has them; the answer is RSS, Atom, or JSON with named paths.

    Attributes:
        address: A template with {searchTerms} and perhaps {count}; parameters with a question mark may be left out.
        key: Sent as bearer, if there is one.
        items: The path of the list of hits in JSON.
        paths: The paths in a hit: address, title, snippet, date.
    """

    address: str
    key: str = field(default="", repr=False)
    items: str = "results"
    paths: tuple[str, str, str, str] = ("url", "title", "snippet", "published")
    name: str = "opensearch"

    def request(self, query: str, limit: int) -> SearchRequest:
        """GET of the filled template."""
        url = self.address.replace("{searchTerms}", quote(query, safe=""))
        for blank, value in (("count", str(max(limit, _ASKED_FOR))), ("startIndex", "1"), ("startPage", "1"),
                             ("language", "*"), ("inputEncoding", "UTF-8"), ("outputEncoding", "UTF-8")):  # fmt: skip
            url = url.replace(f"{{{blank}}}", value).replace(f"{{{blank}?}}", value)
        return SearchRequest(url, {"Authorization": f"Bearer {self.key}"} if self.key else {})

    def hits(self, body: bytes) -> list[SearchHit]:
        """A feed, or what the paths lead to."""
        if body.lstrip()[:1] == b"<":
            return _hits(self.name, entries_of(body), _Paths())
        return _hits(self.name, _at(_json(self.name, body), self.items), _Paths(*self.paths))


@dataclass(frozen=True, slots=True)
class GoogleFactCheck:
    """Google's Fact Check Tools: what publishers say of claims in their ClaimReview markup."""

    DEFAULT: ClassVar[str] = "https://factchecktools.googleapis.com/v1alpha1/claims:search"

    key: str = field(repr=False)
    address: str = DEFAULT
    name: str = "google"

    def request(self, query: str, limit: int) -> SearchRequest:
        """GET of claims:search."""
        asked = urlencode({"query": query, "languageCode": "en", "pageSize": max(limit, _ASKED_FOR)})
        return SearchRequest(f"{self.address}?{asked}", {"X-Goog-Api-Key": self.key})

    def hits(self, body: bytes) -> list[SearchHit]:
        """`claims`, a hit for each review of each."""
        claims = _json(self.name, body).get("claims", [])
        if not isinstance(claims, list):
            raise _strange(self.name)
        return [hit for claim in claims if isinstance(claim, dict) for hit in _reviews(claim)]


def _reviews(claim: Mapping[str, Any]) -> Iterator[SearchHit]:
    text = name(_text(claim, "text"))
    listed = claim.get("claimReview")
    for review in listed if isinstance(listed, list) else ():
        rating = name(_text(review, "textualRating"))
        url = _web(_text(review, "url"))
        if text and rating and url:
            yield SearchHit(
                EvidenceKind.REVIEW,
                url,
                name(_text(review, "title")) or text,
                publisher=name(_text(review, "publisher.name") or _text(review, "publisher.site")),
                published_at=_date(_text(review, "reviewDate")),
                review=Review(text, rating, name(_text(claim, "claimant")), _date(_text(claim, "claimDate"))),
            )


def _hits(engine: str, found: object, paths: _Paths) -> list[SearchHit]:
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise _strange(engine)
    hits = []
    for each in found:
        url = _web(_text(each, paths.url))
        if url:
            snippet = " ".join((_text(each, paths.snippet) or "").split())[:1000]
            hits.append(
                SearchHit(
                    EvidenceKind.WEB,
                    url,
                    name(_text(each, paths.title)) or url,
                    snippet,
                    publisher=name(_text(each, paths.publisher)) if paths.publisher else None,
                    published_at=_date(_text(each, paths.published)),
                )
            )
    return hits


def _json(engine: str, body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as exc:
        raise _strange(engine) from exc


def _strange(engine: str) -> UnavailableError:
    return UnavailableError(f"The search service {engine} gave an answer of another shape than its own.")


def _at(value: object, path: str) -> Any:  # noqa: ANN401 - JSON
    """What a path of names with points leads to; None where it leads nowhere."""
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _text(value: object, path: str) -> str | None:
    found = _at(value, path)
    return found if isinstance(found, str) else None


def _web(url: str | None) -> str | None:
    """An address that a page can be asked for at; None for all others."""
    if url is None or len(url) > _LONGEST_URL:
        return None
    try:
        check_address(url)
    except BadRequestError:
        return None
    return url


def _date(text: str | None) -> str | None:
    """A date as services write it: ISO 8601, RFC 5322, or "Mar 3, 2024"; None for "2 days ago"."""
    if not text:
        return None
    if (found := day(text)) is not None:
        return found
    for form in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y"):
        try:
            return datetime.strptime(text.strip(), form).date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    try:
        return day(parsedate_to_datetime(text).isoformat())
    except ValueError:
        return None


def checked_template(template: str) -> str:
    """A template of OpenSearch.

    Raises:
        BadRequestError: It has no place for what is searched.
    """
    if "{searchTerms}" not in template:
        raise BadRequestError("evidence.search_url of opensearch is a template: it needs {searchTerms} in it.")
    return template
