import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from sample import NASTY, empty_report, hostile_sample, local_sample, sample

from udib.core.findings import Report
from udib.delivery.discord import discord_payloads, fit

ALL = [sample().report, local_sample().report, empty_report(), *(hostile_sample(nasty).report for nasty in NASTY)]
reports = pytest.mark.parametrize(
    "report", ALL, ids=["plain", "local", "empty", *(f"hostile{n}" for n in range(len(NASTY)))]
)

LONG = st.builds(lambda text, times: text * times, st.text(max_size=30), st.integers(0, 400))
FIELD = st.fixed_dictionaries({"name": LONG, "value": LONG})
EMBED = st.fixed_dictionaries(
    {"title": LONG, "description": LONG, "fields": st.lists(FIELD, max_size=30)},
    optional={"footer": st.fixed_dictionaries({"text": LONG}), "color": st.integers(0, 0xFFFFFF)},
)
MESSAGE = st.fixed_dictionaries({"content": LONG, "embeds": st.lists(EMBED, max_size=12)})


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def assert_within_limits(message: dict[str, Any]) -> None:
    """Source: Discord's reference, "Embed Limits" and "Create Message"; the sum is not in the OpenAPI document."""
    assert message["allowed_mentions"] == {"parse": []}
    assert 0 < units(message.get("content", "x")) <= 2000
    embeds = message.get("embeds", [])
    assert len(embeds) <= 10
    sizes = []
    for embed in embeds:
        fields = embed.get("fields", [])
        assert len(fields) <= 25
        sizes += [units(embed.get("title", "")), units(embed.get("description", ""))]
        assert units(embed.get("title", "")) <= 256
        assert units(embed.get("description", "")) <= 4096
        for each in fields:
            assert 0 < units(each["name"]) <= 256
            assert 0 < units(each["value"]) <= 1024
            sizes += [units(each["name"]), units(each["value"])]
        sizes.append(units(embed.get("footer", {}).get("text", "")))
        assert sizes[-1] <= 2048
    assert sum(sizes) <= 6000


@settings(max_examples=60, deadline=None)
@given(MESSAGE)
def test_whatever_is_written_fits_into_discord(message: dict[str, Any]) -> None:
    assert_within_limits(fit(message))


@given(st.lists(st.text(alphabet="ab c", min_size=1, max_size=80), min_size=1, max_size=60))
def test_a_long_value_is_cut_between_lines(lines: list[str]) -> None:
    value = "\n".join(lines)
    kept = fit({"embeds": [{"description": "d", "fields": [{"name": "n", "value": value}]}]})["embeds"][0]
    for each in kept.get("fields", []):
        shown = each["value"].removesuffix("\n\u2026")
        assert value.strip().startswith(shown)
        assert value.strip()[len(shown) :][:1] in {"", "\n"}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("x" * 1022 + "\\*rest", "x\u2026"),
        ("y" * 1000 + "[1:00](https://a.example/long)", "y\u2026"),
        ("\U0001f600" * 600, "\U0001f600\u2026"),
    ],
)
def test_no_escape_link_or_character_is_cut_in_the_middle(text: str, end: str) -> None:
    [embed] = fit({"embeds": [{"title": "t", "fields": [{"name": "n", "value": text}]}]})["embeds"]
    assert embed["fields"][0]["value"].endswith(end)


def test_a_message_that_fits_stays_as_it_is() -> None:
    embed = {"title": "t", "description": "d", "color": 1, "fields": [{"name": "n", "value": "v", "inline": True}]}
    assert fit({"content": "c", "embeds": [embed]}) == {
        "content": "c",
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    }


@reports
def test_a_report_is_one_to_three_messages_within_the_limits(report: Report) -> None:
    messages = discord_payloads(report)
    assert 1 <= len(messages) <= 3
    for message in messages:
        assert_within_limits(message)


@reports
def test_nobody_is_mentioned_and_no_foreign_link_survives(report: Report) -> None:
    messages = discord_payloads(report)
    links = re.findall(r"(?<!\\)\]\((.*?)\)", json.dumps(messages, ensure_ascii=False))
    assert {urlsplit(link).netloc for link in links if link.startswith("http")} <= {"example.org", "www.youtube.com"}
    for message in messages:
        for embed in message["embeds"]:
            embed.pop("url", None)
    text = re.sub(
        r"\]\(https://(example\.org|www\.youtube\.com)/[^)]*\)", "]", json.dumps(messages, ensure_ascii=False)
    )
    assert "@everyone" not in text
    assert "@here" not in text
    assert "<@1" not in text
    assert "discord.gg" not in text
    assert "://" not in text.replace("\\\\://", "")
    assert not re.search(r"(?<!\\)\]\(", text)


def test_the_headline_says_what_it_is_and_what_to_doubt() -> None:
    [headline, claims, disputes] = discord_payloads(sample(low_accuracy=True).report)
    assert headline["content"] == "Report: Should this city adopt rent control?"
    assert "Low-accuracy transcript" in headline["embeds"][0]["description"]
    assert claims["embeds"][0]["fields"][0]["name"] == "Claim 1, worth checking 0.93 of 1: figure, comparison"
    assert "Possibly a straw man" in [each["name"] for each in disputes["embeds"][0]["fields"]]


def test_a_file_of_ours_is_never_linked() -> None:
    assert "](" not in json.dumps([m["embeds"][0].get("description") for m in discord_payloads(local_sample().report)])
    assert "/media/talks" not in json.dumps(discord_payloads(local_sample().report))


@reports
def test_discord_says_that_the_messages_are_well_formed(report: Report, eval_data: Path) -> None:
    document = eval_data / "discord" / "openapi.json"
    if not document.is_file():
        pytest.skip("EVAL_DATA_DIR holds no discord/openapi.json: the check against Discord's own schema was skipped")
    spec = json.loads(document.read_bytes())
    [operation] = [
        each
        for methods in spec["paths"].values()
        for each in methods.values()
        if isinstance(each, dict) and each.get("operationId") == "execute_webhook"
    ]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": spec["components"]})
    for message in discord_payloads(report):
        assert [error.message for error in validator.iter_errors(message)] == []
