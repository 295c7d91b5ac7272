import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sample import SCOPE, sample

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.delivery.webhook import DiscordWebhookOutbox
from udib.testing.fakes import FakeCatalogue

TOKEN = "s3cret-token_of-the-webhook"
URL = f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}"
REPORT = sample().report


@dataclass
class ScriptedPost:
    """Answers in the order of its script, then always with a message id."""

    script: Sequence[BaseException | None] = ()
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, url: str, body: dict[str, Any], /) -> dict[str, Any]:
        number = len(self.posted)
        self.posted.append((url, body))
        error = self.script[number] if number < len(self.script) else None
        if error is not None:
            raise error
        return {"id": str(1000 + number)}


def outbox(post: ScriptedPost, catalogue: FakeCatalogue | None = None, url: str = URL) -> DiscordWebhookOutbox:
    return DiscordWebhookOutbox(url, post, catalogue or FakeCatalogue(), SCOPE)


async def test_another_tenants_report_is_never_posted() -> None:
    post = ScriptedPost()
    [place] = await outbox(post).deliver(Scope.of("rival", "main"), REPORT, "")
    assert "not sent" in place.where
    assert post.posted == []


async def test_each_part_is_posted_once_and_waited_for() -> None:
    post = ScriptedPost()
    places = await outbox(post).deliver(SCOPE, REPORT, "")
    assert [place.where for place in places] == [
        "message 1 of 3: id 1000",
        "message 2 of 3: id 1001",
        "message 3 of 3: id 1002",
    ]
    assert {url for url, _ in post.posted} == {f"{URL}?wait=true"}
    assert all(body["allowed_mentions"] == {"parse": []} for _, body in post.posted)


async def test_a_thread_is_kept_in_the_address() -> None:
    post = ScriptedPost()
    await outbox(post, url=f"{URL}?thread_id=12345678").deliver(SCOPE, REPORT, "")
    assert post.posted[0][0] == f"{URL}?thread_id=12345678&wait=true"


@pytest.mark.parametrize("error", [NotSentError("refused"), BadRequestError("400"), ForbiddenError("403")])
async def test_what_was_surely_not_sent_is_sent_by_the_next_call(error: UdibError) -> None:
    post, catalogue = ScriptedPost([None, error]), FakeCatalogue()
    with pytest.raises(UdibError) as caught:
        await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    assert caught.value.status is error.status
    places = await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    assert [place.where for place in places] == ["message 2 of 3: id 1002", "message 3 of 3: id 1003"]


async def test_an_unknown_outcome_is_never_sent_again_and_is_told() -> None:
    post, catalogue = ScriptedPost([UnavailableError("no answer in 10 s")]), FakeCatalogue()
    with pytest.raises(UnavailableError, match="unknown whether message 1 of 3 was posted"):
        await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    places = await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    assert places[0].where == "message 1 of 3: outcome of an earlier attempt unknown, not sent again"
    assert [body.get("content") for _, body in post.posted].count("Report: Should this city adopt rent control?") == 1


async def test_a_cancelled_post_counts_as_unknown() -> None:
    post, catalogue = ScriptedPost([asyncio.CancelledError()]), FakeCatalogue()
    with pytest.raises(asyncio.CancelledError):
        await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    places = await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    assert "not sent again" in places[0].where


async def test_another_revision_or_webhook_is_another_post() -> None:
    post, catalogue = ScriptedPost(), FakeCatalogue()
    await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    await outbox(post, catalogue).deliver(SCOPE, replace(REPORT, revision=3), "")
    await outbox(post, catalogue, url=URL.replace("123", "321", 1)).deliver(SCOPE, REPORT, "")
    assert len(post.posted) == 9


@pytest.mark.parametrize("kind", [NotSentError, BadRequestError, UnavailableError])
async def test_the_secret_appears_in_no_error_and_no_record(kind: type[UdibError]) -> None:
    catalogue = FakeCatalogue()
    post = ScriptedPost([kind(f"{URL}?wait=true: token {TOKEN} failed")])
    with pytest.raises(UdibError) as caught:
        await outbox(post, catalogue).deliver(SCOPE, REPORT, "")
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert TOKEN not in repr(catalogue.effects)
    assert TOKEN not in repr(await outbox(post).ping())


@pytest.mark.parametrize(
    "url",
    [
        f"http://discord.com/api/webhooks/123456789012345678/{TOKEN}",
        f"https://discord.com.evil.example/api/webhooks/123456789012345678/{TOKEN}",
        f"https://evil.example/discord.com/api/webhooks/123456789012345678/{TOKEN}",
        f"https://user@discord.com/api/webhooks/123456789012345678/{TOKEN}",
        f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}\n",
        f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}?wait=false",
        "http://127.0.0.1:8080/hook",
        "",
    ],
)
def test_no_other_address_is_taken_and_none_is_repeated(url: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        outbox(ScriptedPost(), url=url)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("host", ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"])
def test_discord_addresses_are_taken(host: str) -> None:
    outbox(ScriptedPost(), url=f"https://{host}/api/v10/webhooks/123456789012345678/{TOKEN}")


def test_a_server_of_this_machine_is_taken_only_when_asked_for() -> None:
    DiscordWebhookOutbox("http://127.0.0.1:8080/api/hook", ScriptedPost(), FakeCatalogue(), SCOPE, allow_any=True)
    with pytest.raises(BadRequestError):
        DiscordWebhookOutbox("http://10.0.0.1:8080/api/hook", ScriptedPost(), FakeCatalogue(), SCOPE, allow_any=True)
