"""Which models and searches are left alone for a while because they could not be had several times in a row."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

FAILURES = 3
REST_S = 30.0


@dataclass(slots=True)
class _State:
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False


@dataclass(slots=True)
class CircuitBreakers:
    """One circuit breaker a name: closed, open after failures in a row, half open for one probe after a rest.

    Attributes:
        failures: In a row, after which what is named rests.
        rest_s: Seconds until one call is let through to see whether it is back; again after a probe that fails.
        clock: Seconds, only ever growing.
    """

    failures: int = FAILURES
    rest_s: float = REST_S
    clock: Callable[[], float] = time.monotonic
    _states: dict[str, _State] = field(default_factory=dict)

    def admits(self, name: str) -> bool:
        """Whether a call may be made: the circuit is closed, or a probe is due and none is under way."""
        state = self._states.get(name)
        if state is None or state.opened_at is None:
            return True
        return not state.probing and self.clock() - state.opened_at >= self.rest_s

    def begin(self, name: str) -> None:
        """Note that a call is made; of what rests, that it is the probe."""
        state = self._states.get(name)
        if state is not None and state.opened_at is not None:
            state.probing = True

    def succeeded(self, name: str) -> None:
        """Close the circuit."""
        self._states.pop(name, None)

    def failed(self, name: str) -> None:
        """Count a failure; the circuit opens at the last one allowed, and again after a failed probe."""
        state = self._states.setdefault(name, _State())
        state.failures += 1
        state.probing = False
        if state.failures >= self.failures:
            state.opened_at = self.clock()

    def abandoned(self, name: str) -> None:
        """Note that a call ended without telling whether it can be had, so that another one may probe it."""
        state = self._states.get(name)
        if state is not None:
            state.probing = False
