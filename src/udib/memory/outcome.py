"""Where the plan's methods end: intended errors become results."""

from collections.abc import Awaitable, Mapping
from typing import Any

from udib.core.errors import UdibError
from udib.core.result import StepResult


async def outcome(work: Awaitable[Mapping[str, object]]) -> StepResult[Mapping[str, Any]]:
    """The fields that `work` returns, or the intended error that it raises, as a result."""
    try:
        return StepResult.ok(**await work)
    except UdibError as exc:
        return StepResult.fail(str(exc), exc.status)
