"""Posting a report through a Discord webhook, at most once a part."""

import hashlib
import json
import re
from functools import partial
from typing import Any, NoReturn, Protocol

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.findings import Report
from udib.core.ports import Catalogue
from udib.core.tenancy import Scope
from udib.core.types import Delivered, Health
from udib.delivery.discord import Message, discord_payloads
from udib.delivery.effects import Effect, Made, once

_DISCORD = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api(?:/v\d{1,2})?/webhooks/\d{5,20}/[\w-]{10,200}"
    r"(?:\?thread_id=\d{5,20})?"
)
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?/[\w/.-]*")
_UNKNOWN = "outcome of an earlier attempt unknown, not sent again"


class Post(Protocol):
    """Sends one JSON body by POST, once, and gives the answer's body.

    It must not repeat a request whose outcome is unknown. Raises `NotSentError` if nothing was sent, `BadRequestError`
    or `ForbiddenError` for an answer of the kind 4xx; with any other `UnavailableError` (no answer in time, 5xx) the
    message may have been posted.
    """

    async def __call__(self, url: str, body: Message, /) -> dict[str, Any]:
        """The answer's JSON object."""
        ...


def check_webhook(url: str, *, allow_any: bool = False) -> None:
    """Refuse an address that is not that of a Discord webhook; with `allow_any`, one of this machine is taken too.

    Raises:
        BadRequestError: The sentence says where to find the right one.
    """
    if not _DISCORD.fullmatch(url) and not (allow_any and _LOOPBACK.fullmatch(url)):
        raise BadRequestError(
            "The webhook address (setting delivery.discord_webhook) is not one of Discord's. Copy it in Discord from "
            "Edit Channel, Integrations, Webhooks; it starts with https://discord.com/api/webhooks/."
        )


class DiscordWebhookOutbox:
    """Posts a report as one to three messages.

    A webhook's channel has no history that the webhook could look into, so a part whose outcome is unknown is never
    sent again: a lost notice is better than a doubled one. The address is a secret and appears in no text.

    Args:
        url: A Discord webhook; with `allow_any` also an http address of this machine, for tests.
        post: Sends one message.
        catalogue: Keeps the record of what was announced and what was sent.
        scope: Whose channel it is; nothing of another tenant or workspace is ever posted there.

    Raises:
        BadRequestError: The address is not that of a Discord webhook.
    """

    name = "discord"

    def __init__(self, url: str, post: Post, catalogue: Catalogue, scope: Scope, *, allow_any: bool = False) -> None:
        check_webhook(url, allow_any=allow_any)
        self._url = url
        self._post = post
        self._catalogue = catalogue
        self._scope = scope

    async def deliver(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:  # noqa: ARG002
        """Post every part that was not posted before. Stops at the first part that fails.

        Raises:
            BadRequestError: Discord refused a part.
            ForbiddenError: The webhook may not post.
            UnavailableError: No answer; a part that may have arrived is not sent again by a later call.
        """
        if scope != self._scope:
            return [Delivered("discord", f"not sent: the webhook is that of {self._scope}")]
        parts = discord_payloads(report)
        delivered = []
        for number, body in enumerate(parts, start=1):
            name = f"message {number} of {len(parts)}"
            key = self._key(report, number)
            effect = Effect(scope, report.content.id, key)
            made, reference = await once(self._catalogue, effect, partial(self._send, name, body))
            match made:
                case Made.NOW:
                    told = f"id {reference}" if reference.isdecimal() else "posted"
                    delivered.append(Delivered("discord", f"{name}: {told}"))
                case Made.UNKNOWN:
                    delivered.append(Delivered("discord", f"{name}: {_UNKNOWN}"))
        return delivered

    async def ping(self) -> Health:
        """A webhook can only be tried by posting, so this says no more than that one is set."""
        return Health(self.name, ok=True, detail="a webhook is set; it is tried with the first report", optional=True)

    def _key(self, report: Report, number: int) -> str:
        """Structured, so that no two parts of two reports to two webhooks share one; the secret is in it as a hash."""
        webhook = hashlib.sha256(self._url.encode()).hexdigest()[:16]
        return json.dumps(["discord", webhook, report.content.id, report.revision, number])

    async def _send(self, name: str, body: Message, _nonce: str) -> str:
        """Post one part; a webhook takes no nonce. Gives the message's id."""
        address = f"{self._url}{'&' if '?' in self._url else '?'}wait=true"
        try:
            answer = await self._post(address, body)
        except (NotSentError, BadRequestError, ForbiddenError) as exc:
            self._fail(f"Discord did not take {name}", exc)
        except UnavailableError as exc:
            self._fail(f"It is unknown whether {name} was posted; it will not be sent again", exc)
        return str(answer.get("id", ""))

    def _fail(self, what: str, cause: UdibError) -> NoReturn:
        """Raise an error of the same kind, with the secret taken out of its text and its cause left behind."""
        bare = self._url.partition("?")[0]
        text = str(cause).replace(bare, "the webhook").replace(bare.rpartition("/")[2] or bare, "...")
        raise type(cause)(f"{what}: {text}") from None
