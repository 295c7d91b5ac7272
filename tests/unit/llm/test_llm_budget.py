"""No call is made that could pass a cap, and every call that may have been billed is counted."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.errors import (
    BadRequestError,
    BudgetExceededError,
    ForbiddenError,
    NotSentError,
    UdibError,
    UnavailableError,
)
from udib.core.spending import Caps
from udib.core.tenancy import Scope, TenantId
from udib.llm.budget import ANSWER_TOKENS, BudgetedChatModel
from udib.llm.cards import ModelCard
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger
from udib.testing.fakes import FakeChatModel

A, B = Purpose(Scope.of("a", "main"), "answer"), Purpose(Scope.of("b", "main"), "answer")
CARD = ModelCard("m", 100_000, 1.0, 10.0)  # 0.04 USD for the longest answer
FREE = ModelCard("local", 8_000)
REQUEST = ChatRequest([Message("user", "Who said it?")], model="m")
DAY = 86_400.0


class Clock:
    """Seconds since 1970 that pass when the test says so."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: Clock) -> AsyncGenerator[SqliteLedger]:
    database = Database(tmp_path / "spending.db", SCHEMA)
    yield SqliteLedger(database, clock=clock)
    await database.close()


def answer(cost_usd: float = 0.002, *, billed: bool = True) -> Completion:
    return Completion("Ann.", "m", usage=TokenUsage(1000, 100, cost_usd=cost_usd, billed=billed))


def model(
    ledger: SqliteLedger, *script: Completion | UdibError, caps: Caps | None = None, unpriced: bool = False
) -> tuple[BudgetedChatModel, FakeChatModel]:
    cards = {each.name: each for each in (CARD, FREE)}
    inner = FakeChatModel(script)
    chat = BudgetedChatModel(inner, ledger, cards, prompt_tokens=lambda _: 1000, caps=caps, allow_unpriced=unpriced)
    return chat, inner


async def spent(ledger: SqliteLedger, tenant: str = "a") -> float:
    return round(await ledger.spent_usd(TenantId(tenant)), 6)


async def test_what_was_billed_is_counted_by_day_tenant_task_and_model(ledger: SqliteLedger, clock: Clock) -> None:
    chat, inner = model(ledger, answer(0.002), answer(0.003), answer(0.004), answer(0.005))
    await chat.complete(REQUEST, A)
    await chat.complete(REQUEST, A)
    await chat.complete(REQUEST, replace(A, task="summary"))
    clock.now += DAY
    await chat.complete(REQUEST, B)
    assert [request.max_tokens for request, _ in inner.asked] == [ANSWER_TOKENS] * 4
    assert (await spent(ledger), await spent(ledger, "b")) == (0.0, 0.005)
    rows = [(e.day, e.scope.tenant, e.task, e.model, e.calls, round(e.cost_usd, 6), e.unsettled)
            for e in await ledger.spendings(None, days=2)]  # fmt: skip
    assert rows == [
        ("2023-11-15", "b", "answer", "m", 1, 0.005, 0),
        ("2023-11-14", "a", "answer", "m", 2, 0.005, 0),
        ("2023-11-14", "a", "summary", "m", 1, 0.004, 0),
    ]
    assert [each.scope.tenant for each in await ledger.spendings(None, days=1)] == ["b"]
    assert [each.scope.tenant for each in await ledger.spendings(TenantId("a"), days=2)] == ["a", "a"]


async def test_a_call_without_a_bill_costs_its_list_price(ledger: SqliteLedger) -> None:
    chat, _ = model(ledger, answer(0.0, billed=False))
    await chat.complete(REQUEST, A)
    assert await spent(ledger) == 0.002


async def test_a_request_that_could_cost_too_much_is_not_sent(ledger: SqliteLedger) -> None:
    chat, inner = model(ledger, answer(), caps=Caps(request_usd=0.02))
    with pytest.raises(BudgetExceededError, match=r"may cost 0\.0413 USD, and one request may cost 0\.02"):
        await chat.complete(replace(REQUEST, max_tokens=4000), A)
    await chat.complete(REQUEST, A)
    [(sent, _)] = inner.asked
    assert sent.max_tokens == 1870, "an answer of no named length is as long as the cap allows"
    chat, inner = model(ledger, answer(), caps=Caps(request_usd=0.0015))
    with pytest.raises(BudgetExceededError, match=r"raise llm\.cap_request_usd"):
        await chat.complete(REQUEST, A)
    assert inner.asked == []


async def test_the_day_has_a_cap_for_each_tenant(ledger: SqliteLedger, clock: Clock) -> None:
    chat, inner = model(ledger, *[answer(0.03)] * 4, caps=Caps(day_usd=0.1))
    await chat.complete(REQUEST, A)
    await chat.complete(REQUEST, A)
    with pytest.raises(BudgetExceededError, match=r"'a' has spent 0\.0600 of 0\.10 USD for today, and this call may"):
        await chat.complete(REQUEST, A)
    await chat.complete(REQUEST, B)
    clock.now += DAY
    await chat.complete(REQUEST, A)
    clock.now -= DAY  # the clock was put right
    with pytest.raises(BudgetExceededError):
        await chat.complete(REQUEST, A)
    assert len(inner.asked) == 4


async def test_a_model_of_unknown_price_is_asked_only_if_that_was_said(ledger: SqliteLedger) -> None:
    chat, inner = model(ledger, answer())
    for name in ("local", "nobody"):
        with pytest.raises(ForbiddenError, match=f"price of {name} is not known"):
            await chat.complete(replace(REQUEST, model=name), A)
    with pytest.raises(BadRequestError, match="names no model"):
        await chat.complete(replace(REQUEST, model=None), A)
    assert inner.asked == []
    free = Completion("Ann.", "local", usage=TokenUsage(1000, 100))
    chat, inner = model(
        ledger, free, replace(free, usage=TokenUsage(1000, 100, cost_usd=0.5, billed=True)), unpriced=True
    )
    await chat.complete(replace(REQUEST, model="local"), A)
    assert await spent(ledger) == 0.0
    await chat.complete(replace(REQUEST, model="local"), A)
    assert await spent(ledger) == 0.5, "a bill that comes all the same is counted"


@pytest.mark.parametrize(
    ("error", "counted"),
    [(BadRequestError("400"), 0.0), (ForbiddenError("401"), 0.0), (NotSentError("429"), 0.0),
     (UnavailableError("broke off"), 0.04226)],
)  # fmt: skip
async def test_a_failure_counts_if_it_may_have_been_billed(
    ledger: SqliteLedger, error: UdibError, counted: float
) -> None:
    chat, _ = model(ledger, error, error)
    with pytest.raises(type(error)):
        await chat.complete(REQUEST, A)
    assert await spent(ledger) == counted
    with pytest.raises(type(error)):
        async for _ in chat.stream(REQUEST, A):
            pass
    assert await spent(ledger) == round(2 * counted, 6)
    assert sum(each.unsettled for each in await ledger.spendings(None, days=1)) == (2 if counted else 0)


async def test_a_stream_is_settled_at_its_end_and_counts_in_full_when_it_is_left(ledger: SqliteLedger) -> None:
    chat, _ = model(ledger, answer(0.002), answer(0.002))
    pieces = [piece async for piece in chat.stream(REQUEST, A)]
    assert isinstance(pieces[-1], Completion)
    assert await spent(ledger) == 0.002
    left = chat.stream(REQUEST, A)
    assert isinstance(left, AsyncGenerator)
    assert await anext(left) == pieces[0]
    await left.aclose()
    assert await spent(ledger) == 0.04426


async def test_a_cancelled_call_counts_in_full(ledger: SqliteLedger) -> None:
    inner = FakeChatModel([answer()], delay_s=60)
    chat = BudgetedChatModel(inner, ledger, {"m": CARD}, prompt_tokens=lambda _: 1000)
    call = asyncio.create_task(chat.complete(REQUEST, A))
    while not inner.asked:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await spent(ledger) == 0.04226


async def test_a_hundred_callers_at_once_stay_below_the_cap(ledger: SqliteLedger, tmp_path: Path, clock: Clock) -> None:
    other = Database(tmp_path / "spending.db", SCHEMA)
    chats = [model(each, *[answer(0.03)] * 100, caps=Caps(day_usd=0.5))[0]
             for each in (ledger, SqliteLedger(other, clock=clock))]  # fmt: skip
    results = await asyncio.gather(
        *(chats[number % 2].complete(REQUEST, A) for number in range(100)), return_exceptions=True
    )
    answered = sum(isinstance(each, Completion) for each in results)
    assert all(isinstance(each, Completion | BudgetExceededError) for each in results)
    assert answered >= 11
    assert await spent(ledger) == round(0.03 * answered, 6) <= 0.5
    await other.close()


CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from udib.core.chat import Purpose
from udib.core.tenancy import Scope
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger

async def main():
    ledger = SqliteLedger(Database(Path(sys.argv[1]), SCHEMA), clock=lambda: 1_700_000_000.0)
    await ledger.reserve(Purpose(Scope.of("a", "main"), "answer"), "m", 0.07, day_cap_usd=0.1)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_a_killed_process_had_set_aside_counts(ledger: SqliteLedger, tmp_path: Path, clock: Clock) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(tmp_path / "spending.db"))
    assert await child.wait() == -9
    assert await spent(ledger) == 0.07
    chat, _ = model(ledger, answer(), caps=Caps(day_usd=0.1))
    with pytest.raises(BudgetExceededError):
        await chat.complete(REQUEST, A)
    clock.now += 5 * DAY
    await chat.complete(REQUEST, A)
    [_, old] = await ledger.spendings(None, days=6)
    assert (old.day, old.calls, old.unsettled, old.cost_usd) == ("2023-11-14", 1, 1, 0.07)


async def test_settling_and_releasing_again_change_nothing(ledger: SqliteLedger) -> None:
    number = await ledger.reserve(A, "m", 0.05, day_cap_usd=1)
    await ledger.settle(number, 0.01)
    await ledger.settle(number, 0.01)
    await ledger.release(number)
    assert await spent(ledger) == 0.01
    assert (await ledger.ping()).ok


Step = tuple[str, str, int, int]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["reserve", "settle", "release", "settle dearer"]),
                          st.integers(1, 60), st.integers(0, 9)), max_size=25))  # fmt: skip
def test_no_order_of_events_passes_a_cap(tmp_path_factory: pytest.TempPathFactory, steps: list[Step]) -> None:
    async def run() -> None:
        database = Database(tmp_path_factory.mktemp("ledger") / "spending.db", SCHEMA)
        ledger = SqliteLedger(database, clock=Clock())
        open_now: dict[str, list[tuple[str, float]]] = {"a": [], "b": []}
        counted = {"a": 0.0, "b": 0.0}
        for tenant, what, cents, which in steps:
            mine, amount = open_now[tenant], cents / 100
            if what == "reserve":
                purpose = Purpose(Scope.of(tenant, "main"), "answer")
                held = sum(each for _, each in mine)
                fits = counted[tenant] + held + amount <= 1 + 1e-9
                try:
                    mine.append((await ledger.reserve(purpose, "m", amount, day_cap_usd=1 + 1e-9), amount))
                    assert fits
                except BudgetExceededError:
                    assert counted[tenant] + held + amount > 1 - 1e-6
            elif mine:
                number, amount = mine.pop(which % len(mine))
                if what == "release":
                    await ledger.release(number)
                else:
                    cost = amount / 2 if what == "settle" else amount
                    await ledger.settle(number, cost)
                    counted[tenant] += cost
            now = await ledger.spent_usd(TenantId(tenant))
            assert now <= 1 + 1e-6
            assert now == pytest.approx(counted[tenant] + sum(each for _, each in open_now[tenant]))
        await database.close()

    asyncio.run(run())
