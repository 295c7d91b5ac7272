"""A fake of the book in which processes write who waits for a gate."""

import asyncio
from dataclasses import dataclass, field

from udib.core.errors import UdibError
from udib.core.gates import Change, Look


@dataclass
class FakeGateBook:
    """A book in memory, by the time of the event loop, for all fakes that share `states` and `alive`."""

    look_s: float = 0.1
    name: str = "fake"
    states: dict[str, bytes] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    set_back_s: float = 0.0
    error: UdibError | None = None

    async def process(self) -> str:
        """The scripted name."""
        self.alive.add(self.name)
        return self.name

    async def change(self, gate: str, change: Change) -> bytes:
        """As the port says, or the scripted error."""
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        now_s = asyncio.get_running_loop().time() - self.set_back_s
        self.states[gate] = change(self.states.get(gate, b""), Look(now_s, self.alive.__contains__))
        return self.states[gate]

    async def close(self) -> None:
        """Count as dead."""
        self.alive.discard(self.name)
