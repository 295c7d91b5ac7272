import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sample import NASTY

from udib.delivery.text import (
    clean,
    discord,
    harmless_json,
    language_tag,
    markdown,
    shorten,
    visible,
    web_url,
    without_mentions,
)

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = st.text(alphabet="ab1. \\`*_{}[]()<>#+-=!|~&@:/\n\r\t'\"$\u200b\u202e\x1b\u05d0\U0001f600")
ANY = st.one_of(st.text(), MARKUP, st.sampled_from(NASTY))


def as_read(text: str) -> str:
    """What a reader of the rendered text sees, without the characters that only break up mentions."""
    return " ".join(text.replace("\u200b", "").split())


@given(ANY)
def test_clean_text_is_one_line_of_visible_characters(text: str) -> None:
    line = clean(text)
    assert "\n" not in line
    assert {unicodedata.category(char) for char in line} - {"Cf"} == {unicodedata.category(char) for char in line} - {
        "Cf",
        "Cc",
        "Cs",
        "Zl",
        "Zp",
    }
    assert all(char in "\u200c\u200d" for char in line if unicodedata.category(char) == "Cf")
    assert clean(line) == line


def test_letters_that_need_joiners_keep_them() -> None:
    assert clean("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f469") == (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f469"
    )


@given(ANY)
def test_markdown_shows_foreign_text_as_it_is(text: str) -> None:
    tokens = GFM.parse(markdown(text))
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "text_special"}
    assert as_read("".join(child.content for child in inline)) == as_read(clean(text))


@pytest.mark.parametrize("text", ["see https://evil.example", "www.evil.example", "WwW.evil.example", "a@b.example"])
def test_markdown_text_makes_no_automatic_link(text: str) -> None:
    assert not re.search(r"https?://|www\.|@\w", markdown(text), re.IGNORECASE)


@given(ANY)
def test_discord_finds_no_markup_mention_or_link_in_foreign_text(text: str) -> None:
    shown = discord(text)
    plain = re.sub(r"\\[^A-Za-z0-9\s]", "\u2022", shown)  # an escaped sign still stands between its neighbours
    assert not re.search(r"[\\`*_~|<>\[\]#]", plain)
    assert "://" not in plain
    assert not re.match(r"[-+=]|\d+[.)](\s|$)", shown)
    assert "@" not in shown.replace("@\u200b", "")
    assert not re.search(r"discord(app)?\.(gg|com)", shown, re.IGNORECASE)
    assert as_read(re.sub(r"\\([^A-Za-z0-9\s])", r"\1", shown)) == as_read(clean(text))


def test_mentions_and_invites_are_broken_up_where_there_is_no_markup() -> None:
    assert without_mentions("@here DISCORD.gg/x") == "@\u200bhere DISCORD.\u200bgg/x"


@given(ANY, st.integers(8, 60))
def test_shortened_text_keeps_its_limit_and_says_that_it_was_cut(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == clean(text) or short.endswith("\u2026")


@given(ANY)
def test_a_web_address_cannot_leave_its_place(text: str) -> None:
    url = web_url(f"https://example.org/{text}")
    assert url is None or re.fullmatch(
        r"https://example\.org/[\w%/:?#@!$&+,;=~.\-]*", url.replace("[", "").replace("]", "")
    )


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.example", "https://", "ftp://x", ""],
)
def test_only_the_web_is_linked(address: str) -> None:
    assert web_url(address) is None


def test_an_address_keeps_what_was_encoded_already() -> None:
    assert web_url("https://a.example/x%20y?q=(1)&r=caf\u00e9") == "https://a.example/x%20y?q=%281%29&r=caf%C3%A9"


@pytest.mark.parametrize(
    ("tag", "kept"), [("en", "en"), ("pt-BR", "pt-BR"), ('en" onload="x', None), ("", None), (None, None)]
)
def test_a_language_is_kept_only_in_its_form(tag: str | None, kept: str | None) -> None:
    assert language_tag(tag) == kept


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a  b/c.vtt", "/a  b/c.vtt"),
        ("/caf\u00e9/\u202f\u3000x", "/caf\u00e9/\u202f\u3000x"),
        ("/a\x1b[31m\n\u202e\u2028\x9b", r"/a\x1b[31m\n\u202e\u2028\x9b"),
    ],
)
def test_a_path_loses_nothing_and_hides_nothing(path: str, shown: str) -> None:
    assert visible(path) == shown


@given(st.text(), st.booleans())
def test_harmless_json_is_the_same_json(text: str, ascii_only: bool) -> None:
    document = harmless_json(json.dumps({"a": text}, ensure_ascii=False, indent=1), ascii_only=ascii_only)
    assert json.loads(document) == {"a": text}
    assert all(char.isprintable() or char == "\n" for char in document)
    assert document.isascii() or not ascii_only
