"""No call is made that could pass a cap, and every call that may have been billed is counted."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

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
from udib.core.types import Health
from udib.llm.budget import ANSWER_TOKENS, BudgetedChatModel
from udib.llm.cards import ModelCard
from udib.llm.tokens import TokenCounter
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger
from udib.testing.fakes import FakeChatModel

A, B = Purpose(Scope.of("a", "main"), "answer"), Purpose(Scope.of("b", "main"), "answer")
CARD = ModelCard("m", 100_000, 1.0, 10.0)  # 0.04 USD for the longest answer
THINKER = ModelCard("thinker", 100_000, 1.0, 10.0, bills_unread=True)
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
    database = Database(tmp_path / "spending.db", SCHEMA, busy_timeout_s=0.2)
    yield SqliteLedger(database, clock=clock)
    await database.close()


def tokens(request: ChatRequest) -> int:
    """1,000 of a question, 50 of what was answered so far."""
    return 1000 if request.messages[0].role == "user" else 50


class BreaksOff:
    """A model that refuses when it has begun to speak."""

    ended = False

    async def ping(self) -> Health:
        return Health("model", ok=True, detail="")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        raise BadRequestError("It cannot be said.")

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        try:
            yield "Ann"
            raise BadRequestError("It cannot be said.")
        finally:
            self.ended = True


def answer(cost_usd: float = 0.002, *, billed: bool = True) -> Completion:
    return Completion("Ann.", "m", usage=TokenUsage(1000, 100, cost_usd=cost_usd, billed=billed))


def model(
    ledger: SqliteLedger, *script: Completion | UdibError, caps: Caps | None = None, unpriced: bool = False
) -> tuple[BudgetedChatModel, FakeChatModel]:
    cards = {each.name: each for each in (CARD, THINKER, FREE)}
    inner = FakeChatModel(script)
    chat = BudgetedChatModel(inner, ledger, cards, prompt_tokens=tokens, caps=caps, allow_unpriced=unpriced)
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


@pytest.mark.parametrize("text", ["xqzj" * 750, " \t" * 1500, "\U00020123" * 750])
async def test_for_what_is_no_prose_more_is_set_aside_than_is_estimated(ledger: SqliteLedger, text: str) -> None:
    chat = BudgetedChatModel(FakeChatModel(), ledger, {"m": CARD}, prompt_tokens=TokenCounter().count_request)
    _, most_usd = chat.bounded(ChatRequest([Message("user", text)], model="m", max_tokens=1))
    assert most_usd >= 1000 * 1e-6


async def test_for_prose_hardly_more_is_set_aside_than_is_estimated(ledger: SqliteLedger) -> None:
    prose = ChatRequest([Message("user", "Rents in Vienna rose by twelve percent, she said. " * 60)], model="m")
    chat = BudgetedChatModel(FakeChatModel(), ledger, {"m": CARD}, prompt_tokens=TokenCounter().count_request)
    _, most_usd = chat.bounded(replace(prose, max_tokens=1))
    assert most_usd < 1.6 * TokenCounter().count_request(prose) * 1e-6


@pytest.mark.parametrize("length", [0, -1, -5000])
async def test_a_length_that_no_answer_has_is_not_sent(ledger: SqliteLedger, length: int) -> None:
    chat, inner = model(ledger, answer())
    with pytest.raises(BadRequestError, match="at least one token"):
        await chat.complete(replace(REQUEST, max_tokens=length), A)
    assert (inner.asked, await spent(ledger)) == ([], 0.0)


@pytest.mark.parametrize(
    "options", [{"max_tokens": None}, {"max_completion_tokens": 10**6}, {"models": ["dear"]}, {"tools": [{}]}]
)
async def test_no_option_goes_around_the_bound(ledger: SqliteLedger, options: dict[str, object]) -> None:
    chat, inner = model(ledger, answer())
    with pytest.raises(BadRequestError, match=f"The option '{next(iter(options))}' of a chat would change what it may"):
        await chat.complete(replace(REQUEST, options=options), A)
    assert (inner.asked, await spent(ledger)) == ([], 0.0)


async def test_the_day_has_a_cap_for_each_tenant(ledger: SqliteLedger, clock: Clock) -> None:
    chat, inner = model(ledger, *[answer(0.03)] * 4, caps=Caps(day_usd=0.1))
    await chat.complete(REQUEST, A)
    await chat.complete(REQUEST, A)
    with pytest.raises(BudgetExceededError, match=r"'a' has spent 0\.0600 of 0\.1 USD for today, and this call may"):
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


async def test_a_stream_is_settled_at_its_end(ledger: SqliteLedger) -> None:
    chat, _ = model(ledger, answer(0.002))
    *pieces, whole = [piece async for piece in chat.stream(REQUEST, A)]
    assert (pieces, whole) == (["Ann."], answer(0.002))
    assert await spent(ledger) == 0.002


@pytest.mark.parametrize(
    ("name", "counted"),
    [("m", 0.0013 + 0.00065), ("thinker", 0.0013 + 0.04096)],
    ids=["its prompt and what came of it", "in full, where more may have been billed"],
)
async def test_a_stream_that_is_left_counts(ledger: SqliteLedger, name: str, counted: float) -> None:
    chat, _ = model(ledger, Completion("Ann said it. " * 20, name))
    left = chat.stream(replace(REQUEST, model=name), A)
    assert isinstance(left, AsyncGenerator)
    assert await anext(left) == "Ann "
    await left.aclose()
    assert await spent(ledger) == round(counted, 6)


async def test_a_stream_that_is_left_before_it_says_anything_counts_in_full(ledger: SqliteLedger) -> None:
    inner = FakeChatModel([answer()], delay_s=60)
    chat = BudgetedChatModel(inner, ledger, {"m": CARD}, prompt_tokens=tokens)

    async def read() -> None:
        async for _ in chat.stream(REQUEST, A):
            pass

    reading = asyncio.create_task(read())
    while not inner.asked:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await spent(ledger) == 0.04226


async def test_an_error_amid_an_answer_counts_in_full(ledger: SqliteLedger) -> None:
    chat = BudgetedChatModel(BreaksOff(), ledger, {"m": CARD}, prompt_tokens=tokens)
    with pytest.raises(BadRequestError):
        [piece async for piece in chat.stream(REQUEST, A)]
    assert await spent(ledger) == 0.04226


async def test_the_stream_behind_ends_when_its_reader_leaves(ledger: SqliteLedger) -> None:
    inner = BreaksOff()
    left = BudgetedChatModel(inner, ledger, {"m": CARD}, prompt_tokens=tokens).stream(REQUEST, A)
    assert isinstance(left, AsyncGenerator)
    await anext(left)
    await left.aclose()
    assert inner.ended


async def test_a_paid_answer_is_given_although_the_ledger_fails(ledger: SqliteLedger, tmp_path: Path) -> None:
    chat, inner = model(ledger, answer(0.002))

    class Lock(FakeChatModel):
        async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
            holder.execute("BEGIN EXCLUSIVE")
            return await inner.complete(request, purpose)

    with closing(sqlite3.connect(tmp_path / "spending.db", isolation_level=None)) as holder:
        chat = BudgetedChatModel(Lock(), ledger, {"m": CARD}, prompt_tokens=tokens)
        with capture_logs() as logs:
            assert await chat.complete(REQUEST, A) == answer(0.002)
    assert [(each["event"], each["log_level"], each["cost_usd"]) for each in logs] == [
        ("llm.unsettled", "warning", 0.002)
    ]
    assert await spent(ledger) == 0.04226, "what was set aside goes on counting"


@pytest.mark.parametrize("bill", [float("nan"), float("inf"), -1.0, 1e308, 1e7])
async def test_a_bill_that_is_no_amount_counts_as_what_was_set_aside(ledger: SqliteLedger, bill: float) -> None:
    chat, _ = model(ledger, answer(bill))
    assert (await chat.complete(REQUEST, A)).text == "Ann."
    assert await spent(ledger) == 0.04226


async def test_an_attempt_that_was_lost_counts_like_the_one_that_was_not(ledger: SqliteLedger) -> None:
    chat, _ = model(ledger, replace(answer(0.002), attempts=3, lost=2))
    await chat.complete(REQUEST, A)
    assert await spent(ledger) == 0.006


async def test_a_cancelled_call_counts_in_full(ledger: SqliteLedger) -> None:
    inner = FakeChatModel([answer()], delay_s=60)
    chat = BudgetedChatModel(inner, ledger, {"m": CARD}, prompt_tokens=tokens)
    call = asyncio.create_task(chat.complete(REQUEST, A))
    while not inner.asked:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await spent(ledger) == 0.04226
