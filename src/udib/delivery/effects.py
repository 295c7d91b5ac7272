"""Effects on the outside world: each is made once, although the step that makes it may be repeated after a crash."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError
from udib.core.ports import Catalogue
from udib.core.tenancy import Scope
from udib.core.types import ContentId

_NONCE: Final = 25
"""Characters of a nonce that Discord takes."""


class Made(StrEnum):
    """Whether an effect was made by this call, by an earlier one, or perhaps by an earlier one."""

    NOW = "now"
    BEFORE = "before"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be done once: a post. `key` tells it from every other one of the scope."""

    scope: Scope
    content_id: ContentId
    key: str

    @property
    def nonce(self) -> str:
        """The same for the same effect: 25 characters by which a server knows a repetition, and we our own post."""
        return hashlib.sha256(f"{self.scope.digest()}{self.key}".encode()).hexdigest()[:_NONCE]


Send = Callable[[str], Awaitable[str]]
"""Makes an effect under a nonce and gives what it can be found by; raises as `Post` does."""

Look = Callable[[str], Awaitable[str | None]]
"""Looks for an effect by its nonce where it would be, such as in a channel's history."""


async def once(catalogue: Catalogue, effect: Effect, send: Send, look: Look | None = None) -> tuple[Made, str]:
    """Make an effect unless it was made before.

    It is announced in the catalogue first. If an earlier call announced it and never said that it was made, it is
    looked for, and made only if it is not there. Where nothing can be looked for it is not made again: a lost notice is
    better than a doubled one. The nonce helps where the server is slower to show a post than we are to look for it.

    Returns:
        Whether it was made, and what it can be found by, if that is known.

    Raises:
        NotSentError, BadRequestError, ForbiddenError: It was not made, and the next call tries again.
        UnavailableError: It may have been made.
    """
    was = await catalogue.begin_effect(effect.scope, effect.content_id, effect.key)
    if was == "done":
        return Made.BEFORE, ""
    if was == "unknown":
        if look is None:
            return Made.UNKNOWN, ""
        found = await look(effect.nonce)
        if found is not None:
            await catalogue.confirm_effect(effect.scope, effect.key, found)
            return Made.BEFORE, found
    try:
        reference = await send(effect.nonce)
    except (NotSentError, BadRequestError, ForbiddenError):
        await catalogue.abandon_effect(effect.scope, effect.key)
        raise
    await catalogue.confirm_effect(effect.scope, effect.key, reference)
    return Made.NOW, reference
