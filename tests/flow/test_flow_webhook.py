"""A notice over real HTTP: the app's connections, the webhook outbox, a catalogue on disk, a server that can fail."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from udib.app.bootstrap import _poster
from udib.app.settings import HttpSettings, NetSettings, RetrySettings, Settings
from udib.core.errors import UdibError
from udib.core.findings import REPORT_SCHEMA, Report, TranscriptFacts
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform
from udib.delivery.discord import discord_payloads
from udib.delivery.webhook import DiscordWebhookOutbox
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database

SCOPE = Scope.of("discord:1", "main")
REPORT = Report(
    schema=REPORT_SCHEMA,
    content=Content(ContentId("web:1"), Platform.WEB, "https://a.example/1", "A talk", url="https://a.example/1"),
    created_at="2026-01-02T00:00:00+00:00",
    revision=1,
    transcript=TranscriptFacts("captions", "captions", "en", low_accuracy=False, timed=True, segments=1, words=3),
    outline=None,
    fact_checks=None,
    fallacies=None,
    debate=None,
)
PARTS = len(discord_payloads(REPORT))


@dataclass
class Discord:
    """A server that keeps what is posted and answers by its script: statuses, then 200 for ever."""

    statuses: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def post(self, request: web.Request) -> web.Response:
        status = self.statuses.pop(0) if self.statuses else 200
        if status >= 400:
            return web.json_response({}, status=status, headers={"Retry-After": "0"})
        assert request.query["wait"] == "true"
        self.taken.append(await request.json())
        return web.json_response({"id": str(1000 + len(self.taken))})


@pytest.fixture
async def discord() -> Discord:
    return Discord()


@pytest.fixture
async def outbox(discord: Discord, tmp_path: Path) -> AsyncIterator[DiscordWebhookOutbox]:
    application = web.Application()
    application.router.add_post("/hook", discord.post)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    settings = Settings(
        net=NetSettings(allow=(f"{host}:{port}",)), http=HttpSettings(retry=RetrySettings(max_attempts=2))
    )
    database = Database(tmp_path / "catalogue.db", SCHEMA)
    async with AsyncExitStack() as stack:
        post = _poster(stack, settings)
        yield DiscordWebhookOutbox(f"http://{host}:{port}/hook", post, SqliteCatalogue(database), SCOPE, allow_any=True)
    await database.close()
    await runner.cleanup()


async def test_a_report_is_posted_once(outbox: DiscordWebhookOutbox, discord: Discord) -> None:
    await outbox.deliver(SCOPE, REPORT, "")
    assert len(discord.taken) == PARTS
    assert all(message["allowed_mentions"] == {"parse": []} for message in discord.taken)
    await outbox.deliver(SCOPE, REPORT, "")
    assert len(discord.taken) == PARTS


async def test_what_was_turned_away_is_tried_again(outbox: DiscordWebhookOutbox, discord: Discord) -> None:
    discord.statuses = [429, 429]  # both attempts
    with pytest.raises(UdibError):
        await outbox.deliver(SCOPE, REPORT, "")
    await outbox.deliver(SCOPE, REPORT, "")
    assert len(discord.taken) == PARTS


async def test_what_may_have_been_posted_is_not_posted_again(outbox: DiscordWebhookOutbox, discord: Discord) -> None:
    discord.statuses = [502]
    with pytest.raises(UdibError):
        await outbox.deliver(SCOPE, REPORT, "")
    assert discord.taken == []
    places = await outbox.deliver(SCOPE, REPORT, "")
    assert "not sent again" in places[0].where
    assert len(discord.taken) == PARTS - 1
