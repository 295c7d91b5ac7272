"""A web page as its reader sees it: the words of its main part, without menus, comments and what is hidden. Pure.

Nothing of a page is run or fetched. Which words are the main part is a matter of rules: marked parts first (`article`,
`main`), never what carries the name of a menu, a comment or an advertisement, and no line that is mostly links.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from udib.sources.page_child import Readable, UnreadableError, day, decoded, name, plain

_UNSEEN: Final = frozenset(
    re.findall(
        r"\S+",
        """
        head script style noscript template svg math canvas iframe object embed audio video picture map dialog
        form button select textarea input label nav footer aside menu
        """,
    )
)
_BLOCKS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        address article blockquote br caption dd div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 header hr li
        main ol p pre section table tbody tfoot thead tr ul
        """,
    )
)
_ROLES: Final = frozenset({"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "menu"})
_AROUND: Final = frozenset(
    re.findall(
        r"\S+",
        """
        ad ads advert advertisement breadcrumb breadcrumbs comment comments cookie cookies disqus modal newsletter
        outbrain popup promo recommended related share sharing sidebar social sponsored subscribe taboola teaser toolbar
        """,
    )
)
"""Words of a class or an id that mark what stands around the words of a page."""
_NEVER_AROUND: Final = frozenset({"html", "body", "main", "article"})
_HIDDEN: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])"
)
_TOKENS: Final = re.compile(r"[a-z]+")
_LINKED: Final = 0.6
_LONG_LINE: Final = 25
"""Words from which a line with many links is a sentence all the same."""
_MAIN_SHARE: Final = 0.4
"""Of the words of a page, in the part that is marked as its main one, from which the mark is believed."""
_FEW_WORDS: Final = 40
_TEASER_CHARACTERS: Final = 1500
_NO_SCRIPT: Final = re.compile(
    r"(?:enable|turn on|requires?|needs?|activate|without)\b.{0,30}\bjavascript"
    r"|javascript\b.{0,40}\b(?:disabled|required)",
    re.IGNORECASE | re.DOTALL,
)
_PAY: Final = re.compile(
    r"(?:subscribe|sign in|log in|register|sign up)\b.{0,30}\b(?:to|and) (?:continue|keep|read|unlock|access)"
    r"|subscribers? only|for subscribers|already a subscriber"
    r"|this (?:article|content|story) is (?:for|available to|reserved)",
    re.IGNORECASE,
)
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_MOST_DATA: Final = 200_000


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    linked: int


def read_html(body: bytes, charset: str | None = None) -> Readable:
    """What a page says.

    Args:
        body: As it came.
        charset: What the server said; None: nothing.

    Raises:
        UnreadableError: There are no words in it for a reader: a paywall, a page that is made by its script, nothing.
    """
    tree = LexborHTMLParser(decoded(body, charset, _said_charset(body)))
    data = list(_linked_data(tree))
    text = _main_text(tree)
    _refuse(tree, data, text)
    html = tree.css_first("html")
    language = (html.attributes.get("lang") or "") if html is not None else ""
    return Readable(
        text=text,
        title=name(_meta(tree, "og:title")) or name(_text(tree.css_first("title"))) or "",
        publisher=name(_meta(tree, "og:site_name")) or name(_publisher(data)),
        published_at=_published(tree, data),
        language=language.partition("-")[0].lower() if _LANGUAGE.fullmatch(language) else None,
    )


def _said_charset(body: bytes) -> str | None:
    said = _CHARSET.search(body[:4096])
    return said[1].decode("ascii", "replace") if said else None


def _main_text(tree: LexborHTMLParser) -> str:
    """The words of the part that is marked as the main one, if it has enough of them; else those of the whole page."""
    body = tree.body
    if body is None:
        return ""
    whole = _joined(_lines(body))
    marked = [*tree.css("main, [role=main]")]
    articles = sorted((_joined(_lines(each)) for each in tree.css("article")), key=len, reverse=True)
    for text in (*articles[:1], *(_joined(_lines(each)) for each in marked[:1])):
        if len(text) >= _MAIN_SHARE * len(whole) and text:
            return text
    return whole or _joined(_lines(body, lenient=True))


def _joined(lines: list[_Line]) -> str:
    kept = []
    for line in lines:
        text = " ".join(line.text.split())
        if text and (line.linked < _LINKED * len(text) or len(text.split()) >= _LONG_LINE):
            kept.append(text)
    return plain("\n".join(kept))


def _lines(root: LexborNode, *, lenient: bool = False) -> list[_Line]:
    """The lines below a node, from top to bottom, each with how many of its characters are links."""
    lines: list[_Line] = []
    parts: list[str] = []
    linked = 0
    stack: list[tuple[LexborNode | None, bool]] = [(root, False)]
    while stack:
        node, in_link = stack.pop()
        if node is None:
            lines.append(_Line("".join(parts), linked))
            parts, linked = [], 0
            continue
        tag = node.tag or ""
        if tag == "-text":
            words = node.text_content or ""
            parts.append(words)
            linked += len(words.strip()) if in_link else 0
            continue
        if tag.startswith("-") or _is_unseen(node, tag, lenient=lenient):
            continue
        if tag in {"td", "th"}:
            parts.append(" ")
        children = [(child, in_link or tag == "a") for child in node.iter(include_text=True)]
        broken = [(None, False)] if tag in _BLOCKS else []
        stack.extend([*broken, *reversed(children), *broken])
    return [*lines, _Line("".join(parts), linked)]


def _is_unseen(node: LexborNode, tag: str, *, lenient: bool) -> bool:
    """Whether a reader does not see an element, or sees it around the words of the page."""
    if tag in _UNSEEN or (tag == "header" and node.css_first("h1") is None):
        return True
    given = node.attributes
    if "hidden" in given or given.get("aria-hidden") == "true" or _HIDDEN.search((given.get("style") or "").lower()):
        return True
    if lenient or tag in _NEVER_AROUND:
        return False
    if given.get("role") in _ROLES:
        return True
    marks = f"{given.get('class') or ''} {given.get('id') or ''}"[:500].lower()
    return not _AROUND.isdisjoint(_TOKENS.findall(marks))


def _refuse(tree: LexborHTMLParser, data: list[dict[str, Any]], text: str) -> None:
    few = len(text.split()) < _FEW_WORDS
    everything = (_text(tree.body) or "")[:20_000]
    closed = any(str(each.get("isAccessibleForFree")).lower() == "false" for each in data)
    asks = tree.css_first("input[type=password i]") is not None or _PAY.search(everything)
    if len(text) < _TEASER_CHARACTERS and (closed or (few and asks)):
        raise UnreadableError("it is behind a paywall or a login")
    scripted = tree.css_first("script") is not None
    empty_app = tree.css_first("#root:empty, #app:empty, #__next:empty, app-root:empty") is not None
    if few and scripted and (empty_app or not text or _NO_SCRIPT.search(everything)):
        raise UnreadableError("it shows its words only with JavaScript, and nothing of a page is run")
    if not text:
        raise UnreadableError("there are no words on it")


def _text(node: LexborNode | None) -> str | None:
    return None if node is None else node.text(deep=True, separator=" ")


def _meta(tree: LexborHTMLParser, key: str) -> str | None:
    found = tree.css_first(f'meta[property="{key}"], meta[name="{key}"]')
    return None if found is None else found.attributes.get("content")


def _linked_data(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """The objects of a page's JSON-LD, flat."""
    for script in tree.css('script[type="application/ld+json"]')[:20]:
        text = script.text(deep=True)
        if len(text) > _MOST_DATA:
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        listed = found if isinstance(found, list) else [found]
        graphs = [each.get("@graph") for each in listed if isinstance(each, dict)]
        listed = [*listed, *(each for graph in graphs if isinstance(graph, list) for each in graph)]
        yield from (each for each in listed if isinstance(each, dict))


def _publisher(data: list[dict[str, Any]]) -> str | None:
    for each in data:
        publisher = each.get("publisher")
        if isinstance(publisher, dict) and isinstance(publisher.get("name"), str):
            return str(publisher["name"])
    return None


def _published(tree: LexborHTMLParser, data: list[dict[str, Any]]) -> str | None:
    """The first date that can be read, of those that a page may give itself."""
    keys = ("article:published_time", "datePublished", "date", "dc.date", "DC.date.issued", "pubdate")
    given = [_meta(tree, key) for key in keys]
    given += [str(each["datePublished"]) for each in data if "datePublished" in each]
    time = tree.css_first("article time[datetime], main time[datetime]")
    given += [time.attributes.get("datetime")] if time is not None else []
    return next((found for found in map(day, given) if found), None)
