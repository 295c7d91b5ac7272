"""What every `Outbox` promises."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from udib.core.findings import REPORT_SCHEMA, Report, TranscriptFacts
from udib.core.ports import Outbox
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform
from udib.delivery.files import FilesOutbox
from udib.delivery.webhook import DiscordWebhookOutbox
from udib.testing.fakes import FakeCatalogue, FakeOutbox

A, B = Scope.of("acme", "main"), Scope.of("acme", "other")
FACTS = TranscriptFacts("captions", "vtt", "en", low_accuracy=False, timed=True, segments=1, words=3)
REPORT = Report(
    REPORT_SCHEMA,
    Content(ContentId("web:1"), Platform.WEB, "https://a.example/1", "A talk", url="https://a.example/1"),
    "2026-02-03T10:20:30+00:00",
    1,
    FACTS,
    None,
    None,
    None,
    None,
)


@dataclass
class Case:
    """An outbox, and a way to count what has left it."""

    outbox: Outbox
    sent: Callable[[], int]


@dataclass
class CountingPost:
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, url: str, body: dict[str, Any], /) -> dict[str, Any]:
        self.bodies.append(body)
        return {"id": str(len(self.bodies))}


@pytest.fixture(params=["files", "export", "webhook", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "webhook":
        post = CountingPost()
        url = "http://127.0.0.1/api/webhooks/1/token"
        return Case(DiscordWebhookOutbox(url, post, FakeCatalogue(), A, allow_any=True), lambda: len(post.bodies))
    if request.param == "fake":
        fake = FakeOutbox()
        return Case(fake, lambda: len(fake.sent))
    outbox = FilesOutbox(tmp_path, flat=request.param == "export")
    return Case(outbox, lambda: sum(path.is_file() for path in tmp_path.rglob("*")))


async def test_it_says_how_it_is(case: Case) -> None:
    health = await case.outbox.ping()
    assert health.ok
    assert health.name == case.outbox.name


async def test_it_says_where_each_thing_went(case: Case) -> None:
    places = await case.outbox.deliver(A, REPORT, "WEBVTT\n")
    assert len(places) == case.sent() > 0
    assert all(place.kind and place.where for place in places)


async def test_the_same_report_again_is_not_delivered_twice(case: Case) -> None:
    await case.outbox.deliver(A, REPORT, "WEBVTT\n")
    sent = case.sent()
    await case.outbox.deliver(A, REPORT, "WEBVTT\n")
    assert case.sent() == sent


async def test_a_new_revision_is_delivered(case: Case) -> None:
    await case.outbox.deliver(A, REPORT, "WEBVTT\n")
    assert await case.outbox.deliver(A, replace(REPORT, revision=2), "WEBVTT\n")


async def test_another_scope_gets_its_own(case: Case) -> None:
    await case.outbox.deliver(A, REPORT, "WEBVTT\n")
    assert await case.outbox.deliver(B, REPORT, "WEBVTT\n")
