"""The part of the composition root that opens what evidence is looked up in: reviews, a web search, single pages."""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from udib.app.bootstrap_llm import LOCAL, own_server
from udib.app.bootstrap_memory import connections
from udib.app.evidence_settings import EvidenceSettings
from udib.app.settings import NetSettings, Settings
from udib.core.errors import BadRequestError
from udib.core.ports import EvidenceSource, KeyValueStore
from udib.core.spending import Ledger
from udib.net.guard import check_address
from udib.pipeline.gathering import Elsewhere, LookUpLimits
from udib.pipeline.outside import Tiers

if TYPE_CHECKING:
    from udib.sources.evidence import SearchAllowance
    from udib.sources.page_reader import PageReader
    from udib.sources.search_engines import SearchEngine


def open_elsewhere(stack: AsyncExitStack, settings: Settings, ledger: Ledger, kept: KeyValueStore) -> Elsewhere:
    """What the settings name for evidence. Nothing is connected to before it is used.

    Args:
        stack: Closes the connections.
        settings: Who is asked, and how much.
        ledger: Where searches are counted.
        kept: Where hits and pages are kept for a while.

    Raises:
        BadRequestError: What is named needs a key or an address that is not set.
    """
    from udib.memory.excerpts import excerpts
    from udib.sources.evidence import SearchAllowance

    wanted = settings.evidence
    limits = LookUpLimits(wanted.claims, wanted.pages, wanted.deadline_s, wanted.keep_hours * 3600)
    review, search = _review_engine(wanted), _search_engine(wanted)
    paid = SearchAllowance(ledger, wanted.searches_per_day, wanted.usd_per_search, settings.llm.cap_day_usd)
    free = replace(paid, usd=0.0)
    return Elsewhere(
        None if review is None else _source(stack, settings, "published reviews", review, free),
        None if search is None else _source(stack, settings, "web search", search, paid),
        excerpts,
        kept,
        Tiers(wanted.first_tier, wanted.second_tier),
        limits,
        lambda: datetime.now(UTC),
    )


def open_pages(stack: AsyncExitStack, settings: Settings) -> "PageReader":
    """What reads single pages and documents.

    Its connections are its own: a stranger names what is read, so that what net.allow opens is closed to it.
    """
    from udib.sources.page_reader import PageReader

    own = settings.model_copy(update={"net": NetSettings(allow=settings.evidence.allow)})
    return PageReader(*connections(stack, own))


def _review_engine(wanted: EvidenceSettings) -> "SearchEngine | None":
    from udib.sources.search_engines import GoogleFactCheck

    match wanted.reviews:
        case "none":
            return None
        case "google":
            key = _key("reviews", wanted.reviews_key, wanted.reviews)
            return GoogleFactCheck(key, wanted.reviews_url or GoogleFactCheck.DEFAULT)


def _search_engine(wanted: EvidenceSettings) -> "SearchEngine | None":
    from udib.sources.search_engines import Brave, OpenSearch, Searxng, Serper, Tavily, checked_template

    match wanted.search:
        case "none":
            return None
        case "searxng":
            return Searxng(_address(wanted))
        case "opensearch":
            key = wanted.search_key.get_secret_value() if wanted.search_key else ""
            paths = (wanted.json_url, wanted.json_title, wanted.json_snippet, wanted.json_published)
            return OpenSearch(checked_template(_address(wanted)), key, wanted.json_items, paths)
        case "brave":
            return Brave(_key("search", wanted.search_key, "brave"), wanted.search_url or Brave.DEFAULT)
        case "serper":
            return Serper(_key("search", wanted.search_key, "serper"), wanted.search_url or Serper.DEFAULT)
        case "tavily":
            return Tavily(_key("search", wanted.search_key, "tavily"), wanted.search_url or Tavily.DEFAULT)


def _key(what: str, key: SecretStr | None, named: str) -> str:
    if key is None or not key.get_secret_value():
        raise BadRequestError(
            f"evidence.{what} is {named}, but its key is not set; give it as UDIB_EVIDENCE__{what.upper()}_KEY."
        )
    return key.get_secret_value()


def _address(wanted: EvidenceSettings) -> str:
    if not wanted.search_url:
        raise BadRequestError(
            f"evidence.search is {wanted.search}, but evidence.search_url is not set; give the address of the server."
        )
    return wanted.search_url


def _source(
    stack: AsyncExitStack, settings: Settings, what: str, engine: "SearchEngine", allowance: "SearchAllowance"
) -> EvidenceSource:
    from udib.sources.evidence import SearchedEvidence

    check_address(engine.address)
    local = urlsplit(engine.address).hostname in LOCAL
    redacted = settings.evidence.redact if settings.evidence.redact is not None else not local
    return SearchedEvidence(
        f"{what} ({engine.name})",
        engine,
        connections(stack, settings, also=own_server(engine.address) if local else ()),
        pages=open_pages(stack, settings),
        allowance=allowance,
        redact=without_private_details if redacted else str,
    )


def without_private_details(text: str) -> str:
    """A text without what models elsewhere are not shown either: addresses, numbers of phones, cards and accounts."""
    from udib.llm.private_details import private_details

    parts, shown = [], 0
    for detail in private_details(text):
        parts.append(text[shown : detail.start])
        shown = detail.end
    return "".join([*parts, text[shown:]])
