"""An effect is made once, whatever happened to the call that tried before."""

from dataclasses import dataclass, field

import pytest

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.delivery.effects import Effect, Made, once
from udib.testing.fakes import FakeCatalogue

EFFECT = Effect(Scope.of("acme", "main"), ContentId("web:1"), "notice 1")


@dataclass
class Channel:
    """A channel with a history; it shows a message at once, or not."""

    shows: bool = True
    error: UdibError | None = None
    arrived: bool = True
    messages: list[str] = field(default_factory=list)

    async def send(self, nonce: str) -> str:
        if self.arrived:
            self.messages.append(nonce)
        error, self.error = self.error, None
        if error is not None:
            raise error
        return str(len(self.messages))

    async def look(self, nonce: str) -> str | None:
        return str(self.messages.index(nonce) + 1) if self.shows and nonce in self.messages else None


async def test_it_is_made_once() -> None:
    channel, catalogue = Channel(), FakeCatalogue()
    assert await once(catalogue, EFFECT, channel.send, channel.look) == (Made.NOW, "1")
    assert await once(catalogue, EFFECT, channel.send, channel.look) == (Made.BEFORE, "")
    assert channel.messages == [EFFECT.nonce]


@pytest.mark.parametrize("arrived", [True, False])
async def test_one_of_unknown_outcome_is_looked_for_and_made_if_it_is_not_there(arrived: bool) -> None:
    channel, catalogue = Channel(error=UnavailableError("no answer"), arrived=arrived), FakeCatalogue()
    with pytest.raises(UnavailableError):
        await once(catalogue, EFFECT, channel.send, channel.look)
    channel.arrived = True
    made, reference = await once(catalogue, EFFECT, channel.send, channel.look)
    assert (made, reference) == (Made.BEFORE if arrived else Made.NOW, "1")
    assert channel.messages == [EFFECT.nonce]


async def test_where_nothing_can_be_looked_for_it_is_not_made_again() -> None:
    channel, catalogue = Channel(error=UnavailableError("no answer"), arrived=False), FakeCatalogue()
    with pytest.raises(UnavailableError):
        await once(catalogue, EFFECT, channel.send)
    assert await once(catalogue, EFFECT, channel.send) == (Made.UNKNOWN, "")


@pytest.mark.parametrize("error", [NotSentError("refused"), BadRequestError("400"), ForbiddenError("403")])
async def test_what_was_certainly_not_made_is_tried_again(error: UdibError) -> None:
    channel, catalogue = Channel(error=error, arrived=False), FakeCatalogue()
    with pytest.raises(type(error)):
        await once(catalogue, EFFECT, channel.send)
    channel.arrived = True
    assert await once(catalogue, EFFECT, channel.send) == (Made.NOW, "1")


def test_a_nonce_is_short_enough_and_that_of_no_other_effect() -> None:
    others = [
        Effect(Scope.of("acme", "other"), EFFECT.content_id, EFFECT.key),
        Effect(EFFECT.scope, EFFECT.content_id, "notice 2"),
    ]
    assert len({EFFECT.nonce, *(each.nonce for each in others)}) == 3
    assert len(EFFECT.nonce) == 25
