"""What of hits and pages is evidence for a statement, by rule. Pure.

Only words that stand in a page, to the letter, on the statement's subject; one text on many sites once; and nothing
that is the item itself or says its statements again, as a transcript of it does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from udib.core.evidence import Document, SearchHit, TextExcerpt, not_to_come
from udib.core.findings import Evidence, EvidenceKind
from udib.core.types import Content
from udib.pipeline.evidence import PASSAGES, is_on_subject, says_again, words_of

Excerpts = Callable[[str, Sequence[str]], list[list[TextExcerpt]]]
"""The stretches of a text that bear on each of some statements, best first."""

_SAME: Final = 0.8
"""Share of their words that two excerpts have in common from which they are one text."""
_LEAST_COPIED: Final = 2


@dataclass(frozen=True, slots=True)
class Tiers:
    """Which hosts know, and which answer for what they print; those below them included."""

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()

    def of(self, url: str) -> int:
        """The tier of what is at an address: 1, 2, or 3 for everybody else."""
        host = _host(url)
        for tier, names in ((1, self.first), (2, self.second)):
            if any(host == name or host.endswith(f".{name}") for name in names):
                return tier
        return 3


def reviewed(statement: str, hits: Iterable[SearchHit], excerpts: Excerpts, *, asked_at: str) -> list[Evidence]:
    """The published reviews of claims on the statement's subject, the nearest first."""
    found = []
    for hit in hits:
        if hit.review is None:
            continue
        [some] = excerpts(hit.review.claim, [statement])
        if some and is_on_subject(statement, some[0].matched):
            found.append(
                Evidence(
                    text=hit.review.claim,
                    source=hit.title,
                    link=hit.url,
                    relevance=some[0].relevance,
                    speaker=hit.review.claimant,
                    published_at=hit.published_at,
                    kind=EvidenceKind.REVIEW,
                    publisher=hit.publisher,
                    tier=1,
                    rating=hit.review.rating,
                    retrieved_at=asked_at,
                )
            )
    return sorted(found, key=lambda each: -each.relevance)[:PASSAGES]


def with_explanation(statement: str, review: Evidence, page: Document | None, excerpts: Excerpts) -> Evidence:
    """A review with the words of its page that are nearest to a statement, to the letter and on its subject."""
    [some] = excerpts(page.text, [statement]) if page is not None else [[]]
    best = next((each for each in some if is_on_subject(statement, each.matched)), None)
    if page is None or best is None or not best.stands_in(page.text):
        return review
    return replace(review, explained=best.text)


def is_reviewed(statement: str, reviews: Iterable[Evidence]) -> bool:
    """Whether a review is of the statement itself, nearly word for word, and not only of one on its subject."""
    return any(says_again(statement, each.text) for each in reviews)


def worth_reading(hits: Iterable[SearchHit], content: Content, *, most: int) -> list[SearchHit]:
    """The hits that are read: the first of each host, and not the item itself."""
    chosen: dict[str, SearchHit] = {}
    for hit in hits:
        if not is_item(hit.url, content):
            chosen.setdefault(_host(hit.url), hit)
    return list(chosen.values())[:most]


def from_pages(
    statements: Sequence[str],
    named: Sequence[Sequence[SearchHit]],
    pages: Mapping[str, Document],
    excerpts: Excerpts,
    tiers: Tiers,
) -> list[list[Evidence]]:
    """For each statement what the pages that its hits name say on its subject, the nearest to the fact first.

    Args:
        statements: What is looked up.
        named: The hits of each.
        pages: What could be read, by the addresses of the hits.
        excerpts: Finds what of a page bears on statements.
        tiers: How near hosts are to the facts.
    """
    parts = {url: excerpts(page.text, statements) for url, page in pages.items()}
    copies = {url for url, some in parts.items() if _is_copy(statements, some)}
    found: list[list[Evidence]] = []
    for number, statement in enumerate(statements):
        some = [
            _evidence(excerpt, pages[hit.url], hit, tiers)
            for hit in named[number]
            if hit.url in pages and hit.url not in copies
            for excerpt in parts[hit.url][number][:1]
            if is_on_subject(statement, excerpt.matched) and excerpt.stands_in(pages[hit.url].text)
        ]
        found.append(_each_once(sorted(some, key=lambda each: (each.tier, -each.relevance)))[:PASSAGES])
    return found


def is_item(url: str, content: Content) -> bool:
    """Whether an address is the item's own page."""
    if content.url is None or not _host(url):
        return False
    ours, theirs = _place(content.url), _place(url)
    native = content.id.partition(":")[2]
    return ours == theirs or (ours[0] == theirs[0] and len(native) > 5 and native in url)


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return _host(url), parts.path.rstrip("/"), "".join(parse_qs(parts.query).get("v", []))


def _host(url: str) -> str:
    """The host without what stands before it for phones; empty where the address is broken."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return ""


def _is_copy(statements: Sequence[str], parts: Sequence[Sequence[TextExcerpt]]) -> bool:
    """Whether a page says half of the statements again, nearly word for word; of a single one that cannot be told."""
    again = sum(
        any(says_again(statement, each.text) for each in some)
        for statement, some in zip(statements, parts, strict=True)
    )
    return again >= max(_LEAST_COPIED, len(statements) / 2)


def _each_once(found: Sequence[Evidence]) -> list[Evidence]:
    """The first of those that are one text."""
    kept: list[tuple[Evidence, frozenset[str]]] = []
    for each in found:
        words = frozenset(words_of(each.text))
        if not any(len(words & others) >= _SAME * len(words | others) for _, others in kept):
            kept.append((each, words))
    return [each for each, _ in kept]


def _evidence(excerpt: TextExcerpt, page: Document, hit: SearchHit, tiers: Tiers) -> Evidence:
    return Evidence(
        text=excerpt.text,
        source=page.title or hit.title,
        link=page.url,
        relevance=excerpt.relevance,
        published_at=page.published_at or not_to_come(hit.published_at, page.retrieved_at),
        kind=EvidenceKind.WEB,
        publisher=page.publisher or hit.publisher,
        tier=tiers.of(page.url),
        retrieved_at=page.retrieved_at,
    )
