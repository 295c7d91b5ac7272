"""What every adapter can do."""

from typing import Protocol

from udib.core.types import Health


class Checked(Protocol):
    """An adapter that can say how it is."""

    async def ping(self) -> Health:
        """How the adapter is; never raises for an outage that it can describe."""
        ...
