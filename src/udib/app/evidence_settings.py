"""Settings of what is looked up about claims. Nothing leaves this machine before `search` or `reviews` names where."""

from typing import Literal

from pydantic import Field, SecretStr

from udib.app.section import Section

_FIRST = ("gov", "gov.uk", "europa.eu", "un.org", "who.int", "oecd.org", "worldbank.org", "imf.org")
_SECOND = ("reuters.com", "apnews.com", "afp.com", "bbc.com", "bbc.co.uk", "nature.com", "science.org")


class EvidenceSettings(Section):
    """Evidence for claims."""

    reviews: Literal["none", "google"] = "none"
    reviews_key: SecretStr | None = None
    reviews_url: str | None = Field(default=None, description="of a server that speaks as Google's; null: Google's")
    search: Literal["none", "searxng", "brave", "serper", "tavily", "opensearch"] = "none"
    search_key: SecretStr | None = None
    search_url: str | None = Field(default=None, description="searxng: its address; opensearch: a template")
    json_items: str = Field(default="results", description="opensearch: where an answer in JSON has its list of hits")
    json_url: str = Field(default="url", description="and in a hit its address")
    json_title: str = Field(default="title", description="its title")
    json_snippet: str = Field(default="snippet", description="its beginning")
    json_published: str = Field(default="published", description="its date")
    searches_per_day: int | None = Field(default=200, ge=0, le=1_000_000, description="most of one tenant on a day")
    usd_per_search: float = Field(default=0.0, ge=0, le=100, description="counts towards llm.cap_day_usd")
    claims: int = Field(default=20, ge=0, le=1000, description="most claims of an item that are looked up elsewhere")
    pages: int = Field(default=3, ge=0, le=20, description="most pages that are read for a claim; 0: none at all")
    deadline_s: float = Field(default=300, gt=0, le=3600, description="longest look-up for one item")
    keep_hours: float = Field(default=24, ge=0, le=8760, description="hours that hits and pages are kept; 0: not")
    allow: tuple[str, ...] = Field(default=(), description="host:port of private servers whose pages may be read")
    first_tier: tuple[str, ...] = Field(default=_FIRST, description="hosts that know: offices, the document itself")
    second_tier: tuple[str, ...] = Field(default=_SECOND, description="hosts that answer for what they print")
    redact: bool | None = Field(default=None, description="private details stay here; null: for other machines'")
