"""A report as Discord messages (pure), within Discord's limits and without power over the channel."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from udib.core.findings import Chapter, Contradiction, FactCheck, Fallacy, Report
from udib.core.speech import Quote
from udib.core.types import Content
from udib.delivery import doubts, judged, shares, view
from udib.delivery.tally import gaps
from udib.delivery.text import discord as dc
from udib.delivery.text import shorten, web_url, without_mentions

Message = dict[str, Any]
"""The JSON body of one message."""

CONTENT, TITLE, DESCRIPTION, FIELD_NAME, FIELD_VALUE, FOOTER = 2000, 256, 4096, 256, 1024, 2048
FIELDS, EMBEDS, EMBED_SUM = 25, 10, 6000

_COLOUR, _WARNING_COLOUR = 0x0B5A66, 0xD9A93B
_QUOTE = 240
_CHAPTERS = 12
_CLAIMS = 8
_MORE = "\u2026"


def discord_payloads(report: Report) -> list[Message]:
    """One to three webhook bodies: the headline, then the claims, then what speaks against each other.

    Every text from outside is escaped, nobody can be mentioned, and each body is within all limits of Discord.
    """
    embeds = [_headline(report), _claims(report), _disputes(report)]
    messages: list[Message] = [{"embeds": [embed]} for embed in embeds if embed]
    messages[0]["content"] = dc(shorten(f"Report: {report.content.title}", TITLE))
    return [fit(message) for message in messages]


def fit(message: Mapping[str, Any]) -> Message:
    """The message within Discord's limits, cut between lines where it can be, with mentions switched off.

    Lengths count UTF-16 units, the larger of the two ways to count. What no longer fits is left out, first come first
    served; so are fields and embeds without any text, because Discord refuses them.
    """
    left = EMBED_SUM
    embeds: list[Message] = []
    for embed in message.get("embeds", ())[:EMBEDS]:
        fitted, used = _fit_embed(embed, left)
        if used:
            embeds.append(fitted)
            left -= used
    content = _cut(message.get("content", ""), CONTENT)
    body: Message = {"content": content} if content else {}
    if embeds:
        body["embeds"] = embeds
    return {**body, "allowed_mentions": {"parse": []}}


def _fit_embed(embed: Mapping[str, Any], left: int) -> tuple[Message, int]:
    """The embed within its own limits and within `left` units, and how many units it takes."""
    fitted: Message = {key: embed[key] for key in ("url", "color", "timestamp") if embed.get(key) is not None}
    used = 0
    for key, limit in (("title", TITLE), ("description", DESCRIPTION)):
        text = _cut(embed.get(key, ""), min(limit, left - used))
        if text:
            fitted[key] = text
            used += _units(text)
    footer = _cut(embed.get("footer", {}).get("text", ""), min(FOOTER, left - used))
    if footer:
        fitted["footer"] = {"text": footer}
        used += _units(footer)
    fields: list[Message] = []
    for field in embed.get("fields", ()):
        name, value = _cut(field["name"], FIELD_NAME), _cut(field["value"], FIELD_VALUE)
        if name and value and len(fields) < FIELDS and used + _units(name) + _units(value) <= left:
            fields.append({**field, "name": name, "value": value})
            used += _units(name) + _units(value)
    if fields:
        fitted["fields"] = fields
    return fitted, used


def _cut(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units of the text: whole lines if one fits, else the start of the first line."""
    text = text.strip()
    if _units(text) <= limit:
        return text
    if limit <= _units(_MORE):
        return ""
    room = limit - _units(f"\n{_MORE}")
    kept = _prefix(text, room)
    if "\n" in kept or text[len(kept) : len(kept) + 1] == "\n":
        lines = kept if text[len(kept) : len(kept) + 1] == "\n" else kept.rsplit("\n", 1)[0]
        return f"{lines}\n{_MORE}" if lines.strip() else _MORE
    return f"{_whole_markup(kept)}{_MORE}"


def _prefix(text: str, units: int) -> str:
    data = text.encode("utf-16-le", "surrogatepass")[: 2 * max(units, 0)]
    return data.decode("utf-16-le", "ignore")


def _whole_markup(text: str) -> str:
    """Without an escape or a link that was cut in the middle."""
    opened = text.rfind("](")
    if opened >= 0 and ")" not in text[opened:]:
        text = text[: text.rfind("[", 0, opened)]
    slashes = len(text) - len(text.rstrip("\\"))
    return text[:-1] if slashes % 2 else text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _headline(report: Report) -> Message:
    content = report.content
    chapters = report.outline.chapters if report.outline else ()
    lines = [dc(" \u00b7 ".join(view.about(report)))]
    lines += [f"**{dc(text)}**" for text in view.warnings(report)]
    lines += [dc(view.obtained(report)), ""]
    lines += [_said(content, quote) for quote in report.summary[: view.FIRST_PAGE]]
    fields = [
        _field("Chapters", (_chapter(content, chapter) for chapter in chapters[:_CHAPTERS])),
        _field("Who spoke", (f"{dc(row.name)}: {row.percent}%" for row in shares.rows(report)[:_CHAPTERS])),
        _field("What is missing", map(dc, gaps(report.missing))),
    ]
    return {
        "title": dc(shorten(content.title, TITLE // 2)),
        "url": web_url(content.url or ""),
        "description": "\n".join(lines),
        "color": _WARNING_COLOUR if view.warnings(report) else _COLOUR,
        "fields": fields,
        "footer": {"text": without_mentions(" \u00b7 ".join(view.made(report)))},
    }


def _claims(report: Report) -> Message | None:
    found = view.checks(report)
    if not found:
        return None
    more = f"and {len(found) - _CLAIMS} more in the full report" if len(found) > _CLAIMS else ""
    shared = view.shared_reason(report)
    return {
        "title": "Claims worth checking",
        "description": dc(shared),
        "color": _COLOUR,
        "fields": [
            _claim(report.content, number, check, shared) for number, check in enumerate(found[:_CLAIMS], start=1)
        ],
        "footer": {"text": more},
    }


def _claim(content: Content, number: int, check: FactCheck, shared: str) -> Message:
    lines = [_said(content, check.claim.quote), dc(shorten(view.own_outcome(check, shared), _QUOTE))]
    lines += [dc(shorten(doubts.caution(check.claim.unclear), _QUOTE))] if check.claim.unclear else []
    for place in judged.telling(check):
        evidence = check.evidence[place]
        url = web_url(evidence.link)
        name = dc(shorten(view.source_name(evidence), TITLE // 2))
        text = dc(shorten(judged.evidence_text(check, place), _QUOTE))
        lines.append(f"{judged.evidence_title(check, place)}: \u201c{text}\u201d {f'[{name}]({url})' if url else name}")
    return _field(dc(shorten(f"Claim {number}, worth checking {view.worth(check)}", TITLE // 2)), lines)


def _disputes(report: Report) -> Message | None:
    content = report.content
    fields = [
        *_each(view.contradictions(report), lambda pair: _contradiction(content, pair)),
        *_each(
            view.clashes(report),
            lambda pair: _field(
                dc(shorten(f"Clash: {pair.subject}", TITLE // 2)),
                [_said(content, pair.first), _said(content, pair.second)],
            ),
        ),
        *_each(view.hints(report), lambda hint: _hint(content, hint)),
    ]
    if not fields:
        return None
    note = view.HINT_NOTE if view.hints(report) else ""
    return {"title": "To look at", "color": _COLOUR, "fields": fields, "footer": {"text": note}}


def _contradiction(content: Content, pair: Contradiction) -> Message:
    where = f" (in {dc(shorten(pair.earlier_source, TITLE // 2))})" if pair.earlier_source else ""
    earlier = _said_at(view.earlier_link(content, pair), pair.earlier)
    name = dc(shorten(f"Contradiction? {view.differs(pair)}", TITLE // 2))
    caution = [dc(shorten(doubts.caution(pair.unclear), _QUOTE))] if pair.unclear else []
    return _field(name, [f"{earlier}{where}", _said(content, pair.later), *caution])


def _hint(content: Content, hint: Fallacy) -> Message:
    innocent = dc(shorten(hint.innocent_reading, _QUOTE))
    return _field(view.possibility(hint), [_said(content, hint.quote), f"{judged.innocent(hint)}: {innocent}"])


def _chapter(content: Content, chapter: Chapter) -> str:
    return f"{_time(content, chapter.start_s)} {dc(shorten(chapter.title, 80))}"


def _said(content: Content, quote: Quote) -> str:
    return _said_at(view.link(content, quote.start_s), quote)


def _said_at(url: str | None, quote: Quote) -> str:
    speaker = dc(shorten(view.who(quote), 60))
    return f"{_linked(quote.start_s, url)} **{speaker}:** \u201c{dc(shorten(doubts.said(quote), _QUOTE))}\u201d"


def _time(content: Content, second: float) -> str:
    return _linked(second, view.link(content, second))


def _linked(second: float, url: str | None) -> str:
    """A masked link where Discord can follow it: to the web only, never to a file of ours."""
    return f"[{view.clock(second)}]({url})" if url else view.clock(second)


def _field(name: str, lines: Iterable[str]) -> Message:
    return {"name": name, "value": "\n".join(line for line in lines if line)}


def _each(found: list[Any], show: Callable[[Any], Message]) -> list[Message]:
    return [show(item) for item in found[: view.FIRST_PAGE]]
