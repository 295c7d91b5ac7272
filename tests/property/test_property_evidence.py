"""Whatever a search service answers: hits with web addresses, or an outage that is told; never a traceback."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import UnavailableError
from udib.core.evidence import SearchHit
from udib.core.findings import EvidenceKind
from udib.net.guard import check_address
from udib.sources.search_engines import Brave, GoogleFactCheck, OpenSearch, SearchEngine, Searxng, Serper, Tavily

NAMES = st.sampled_from(
    ["results", "web", "organic", "claims", "claimReview", "url", "link", "title", "text", "content", "snippet",
     "textualRating", "publisher", "name", "date", "publishedDate", "page_age", "reviewDate", "published_date"]
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ["https://a.example/x", "http://[broken", "javascript:alert(1)", "https://user:x@a.example", "Mar 3, 2024",
         "2 days ago", "2022-03-01T00:00:00Z", "Tue, 99 Mar 2022 99:00:00 +9999", "False", "0001-01-01T00:00:00+23:59"]
    ),
    st.text(max_size=20),
)  # fmt: skip
ANSWERS = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-1, 2**40), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=30,
)
ENGINES: list[SearchEngine] = [
    Searxng("https://s.example"), Brave("k"), Serper("k"), Tavily("k"), GoogleFactCheck("k"),
    OpenSearch("https://s.example/{searchTerms}"), OpenSearch("https://s.example/{searchTerms}", items="web.results"),
]  # fmt: skip


def checked(hits: Callable[[], list[SearchHit]]) -> None:
    try:
        found = hits()
    except UnavailableError:
        return
    for hit in found:
        check_address(hit.url)
        assert hit.title
        assert (hit.kind is EvidenceKind.REVIEW) == (hit.review is not None)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@given(answer=ANSWERS)
def test_any_json_is_read_or_refused(engine: SearchEngine, answer: object) -> None:
    whole = dict.fromkeys(("results", "organic", "claims"), answer) | {"web": {"results": answer}}
    for said in (answer, whole):
        checked(lambda said=said: engine.hits(msgspec.json.encode(said)))  # type: ignore[misc]


@given(
    st.lists(
        st.sampled_from(
            ["<rss>", "</rss>", "<item>", "</item>", "<entry>", "</entry>", "<title>a</title>", "x", "\ufffe",
             "<link>https://a.example</link>", "<link href='https://b.example'/>", "<!DOCTYPE x [<!ENTITY a 'b'>]>",
             "&a;", "<pubDate>", "</pubDate>"]
        ),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_any_feed_is_read_or_refused(text: str) -> None:
    checked(lambda: OpenSearch("https://s.example/{searchTerms}").hits(f"<f>{text}</f>".encode()))


def test_a_feed_with_a_document_type_is_refused() -> None:
    bomb = "<!DOCTYPE f [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><rss><item><title>&b;</title></item></rss>"
    with pytest.raises(UnavailableError, match="document type"):
        OpenSearch("https://s.example/{searchTerms}").hits(bomb.encode())
