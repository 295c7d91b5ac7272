"""What is set aside for a caller that goes away meanwhile."""

import asyncio
import threading
from pathlib import Path

import pytest

from udib.core.chat import Purpose
from udib.core.tenancy import Scope, TenantId
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger


class Gate:
    """A clock that, on the file's thread, says that the transaction has begun, and lets it go on when it may."""

    def __init__(self) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> float:
        if threading.current_thread() is not threading.main_thread():
            self.begun.set()
            assert self.opened.wait(30)
        return 1_700_000_000.0


async def test_a_caller_that_goes_while_something_is_set_aside_leaves_nothing_behind(tmp_path: Path) -> None:
    gate = Gate()
    database = Database(tmp_path / "spending.db", SCHEMA)
    ledger = SqliteLedger(database, clock=gate)
    call = asyncio.create_task(ledger.reserve(Purpose(Scope.of("a", "m"), "answer"), "m", 0.1, day_cap_usd=1.0))
    assert await asyncio.to_thread(gate.begun.wait, 30)
    call.cancel()
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await ledger.spent_usd(TenantId("a")) == 0.0
    assert await ledger.spendings(None, days=1) == []
    await database.close()
