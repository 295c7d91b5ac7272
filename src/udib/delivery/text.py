"""Words of strangers, made harmless for the place where they are shown.

Titles, names and transcripts are hostile until shown otherwise: they may hold markup, mentions, invites, terminal
escapes or characters that turn the writing direction. Every renderer takes foreign text through one of these.
"""

import json
import re
import unicodedata
from urllib.parse import quote

# U+200C and U+200D join letters of several scripts and parts of emoji; all other invisible characters go.
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BREAKS = frozenset({"Zl", "Zp"})
_AFTER_AT = "\u200b"
_LONGEST_URL = 2048

_MARKDOWN = re.compile(r"[\\`*_{}\[\]|~#$]")
_DISCORD = re.compile(r"[\\`*_~|<>\[\]#]|:(?=[/A-Za-z_])")
_LINE_START = re.compile(r"^(?:[-+=]|\d+(?=[.)](?:\s|$)))")
_INVITE = re.compile(r"\b(discord(?:app)?\.)(?=[a-z])", re.IGNORECASE)
_WWW = re.compile(r"(www)\.", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_BEYOND_ASCII = re.compile(r"[^\n -~]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


def clean(text: str) -> str:
    """One line without control characters, bidirectional overrides and other characters that cannot be seen."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    kept = (char for char in line if char in _JOINERS or unicodedata.category(char) not in _HIDDEN)
    return " ".join("".join(kept).split())


def visible(text: str) -> str:
    """Text of which nothing may be lost, such as a path: what `clean` would drop is written as Python writes it."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def harmless_json(document: str, *, ascii_only: bool = False) -> str:
    """The same JSON with escapes for all characters that cannot be seen or, if asked for, all beyond ASCII."""
    return _BEYOND_ASCII.sub(lambda found: _json_escape(found[0], always=ascii_only), document)


def shorten(text: str, limit: int) -> str:
    """`clean` text of at most `limit` characters, cut between words and ended with an ellipsis where it was longer."""
    line = clean(text)
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[limit // 2 :] else head).rstrip(" ,;:") + "\u2026"


def markdown(text: str) -> str:
    """Text that CommonMark and GitHub show as it is: no markup, HTML, formula, mention or link comes of it."""
    line = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _escape_start(_MARKDOWN.sub(r"\\\g<0>", line))
    return _WWW.sub(r"\1\.", line.replace("://", ":\\//")).replace("@", f"@{_AFTER_AT}")


def discord(text: str) -> str:
    """Text that Discord shows as it is: no markup, mention, emoji, time, link or invite comes of it."""
    line = _escape_start(_DISCORD.sub(r"\\\g<0>", clean(text)))
    return without_mentions(line)


def without_mentions(text: str) -> str:
    """Text for the places of a Discord message that know no markup: mentions and invites are broken up."""
    return _INVITE.sub(rf"\g<1>{_AFTER_AT}", clean(text)).replace("@", f"@{_AFTER_AT}")


def web_url(address: str) -> str | None:
    """An http(s) address with every character encoded that could end a link or an attribute; None for all others."""
    if not _WEB.match(address):
        return None
    url = quote(address, safe="%/:?#@!$&+,;=~[]-._", errors="replace")
    return url if len(url) <= _LONGEST_URL else None


def language_tag(language: str | None) -> str | None:
    """The tag, if it has the form of BCP 47."""
    return language if language is not None and _LANGUAGE.fullmatch(language) else None


def _escaped(char: str) -> str:
    """A character that cannot be seen as Python writes it; any other as it is."""
    hidden = char not in _JOINERS and unicodedata.category(char) in _HIDDEN | _BREAKS
    return ascii(char)[1:-1] if hidden else char


def _json_escape(char: str, *, always: bool) -> str:
    return json.dumps(char)[1:-1] if always or not char.isprintable() else char


def _escape_start(line: str) -> str:
    """Escape what makes a list, a rule or a heading of a line when it stands first."""
    found = _LINE_START.match(line)
    if found is None:
        return line
    return f"{found[0]}\\{line[found.end() :]}" if found[0].isdigit() else f"\\{line}"
