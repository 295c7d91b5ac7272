"""The router: whom it asks, what it does when a model fails, what it writes down and what it learns."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from routed_models import Clock, HashEmbedder, ScriptedModel

from udib.core.breaker import CircuitBreakers
from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage, Tool
from udib.core.errors import (
    BadRequestError,
    BudgetExceededError,
    ForbiddenError,
    MissingModelError,
    Status,
    UdibError,
    UnavailableError,
)
from udib.core.routing import Decision, Learned
from udib.core.tenancy import Scope
from udib.llm.cards import ModelCard
from udib.llm.decision_memory import MemoryDecisionLog
from udib.llm.features import Features
from udib.llm.policy import Choice
from udib.llm.router import LLMRouter
from udib.llm.routing_options import RoutingOptions
from udib.llm.routing_request import RoutingContext
from udib.storage.database import Database
from udib.storage.decisions import SCHEMA, SqliteDecisionLog

T = Scope.of("t", "w")


@pytest.fixture
def clock() -> Clock:
    return Clock()


ASK = Purpose(T, "answer")
REQUEST = ChatRequest([Message("system", "Be brief."), Message("user", "What is a tax?")])
GOOD = ModelCard("good", 8_000, 1.0, 2.0, quality=0.95, json_schema=True, tools=True)
FAIR = ModelCard("fair", 32_000, 0.5, 1.0, quality=0.2)
POOR = ModelCard("poor", 4_000, 0.1, 0.2, quality=0.0)


def models() -> dict[str, ScriptedModel]:
    return {card.name: ScriptedModel(card.name) for card in (GOOD, FAIR, POOR)}


def router(clients: dict[str, ScriptedModel], **options: Any) -> LLMRouter:
    options.setdefault("rng", np.random.default_rng(1))
    return LLMRouter(
        clients,
        [GOOD, FAIR, POOR],
        features=Features(["answer"], HashEmbedder()),
        options=RoutingOptions(**options),
    )


def down(times: int = 1) -> list[UdibError]:
    return [UnavailableError("It is down; wait.") for _ in range(times)]


async def test_a_call_goes_to_the_model_that_promises_most_and_says_what_it_cost() -> None:
    clients = models()
    result = await router(clients).chat([{"role": "user", "content": "Why?"}], scope=T, task="answer", temperature=0.3)
    assert (result.success, result.model, result.response) == (True, "good", "fine")
    assert result.cost_usd == pytest.approx(0.0002)
    assert result.decision_id
    [(request, purpose)] = clients["good"].asked
    assert (request.model, request.temperature, purpose.task) == ("good", 0.3, "answer")


async def test_what_was_billed_counts_and_not_the_list_price() -> None:
    clients = models()
    clients["good"].usage = TokenUsage(100, 50, cost_usd=0.5, billed=True)
    assert (await router(clients).chat([Message("user", "Why?")], scope=T)).cost_usd == 0.5


async def test_a_named_model_is_asked_and_nothing_is_decided() -> None:
    result = await router(models()).chat([Message("user", "Why?")], model="poor", scope=T)
    assert (result.model, result.decision_id) == ("poor", "")


async def test_an_answer_from_a_cache_costs_nothing_and_teaches_no_cost() -> None:
    clients = models()
    clients["good"].cached = True
    asked = router(clients)
    result = await asked.chat([Message("user", "Why?")], scope=T)
    assert (result.cached, result.cost_usd) == (True, 0.0)
    [decision] = await asked.learner.log.decisions(T, limit=9)
    assert decision.cost_usd is None
    await asked.feedback(result.decision_id, 1.0)


async def test_the_next_best_model_answers_when_the_best_cannot_and_that_is_said() -> None:
    clients = models()
    clients["good"].errors = down()
    asked = router(clients)
    result = await asked.chat([Message("user", "Why?")], scope=T)
    assert (result.model, result.instead_of) == ("fair", ("good",))
    [decision] = await asked.learner.log.decisions(T, limit=9)
    assert (decision.model, decision.propensity) == ("fair", 0.0)


async def test_a_refusal_is_not_taken_to_another_model() -> None:
    clients = models()
    clients["good"].errors = [ForbiddenError("The key is wrong; set another.")]
    result = await router(clients).chat([Message("user", "Why?")], scope=T)
    assert (result.success, result.status, result.error) == (False, Status.FORBIDDEN, "The key is wrong; set another.")
    assert not clients["fair"].asked


async def test_when_all_fail_each_reason_is_named() -> None:
    clients = models()
    for each in clients.values():
        each.errors = down()
    with pytest.raises(UnavailableError, match="good: It is down; wait; fair: .*poor: .*try again in a minute"):
        await router(clients).complete(REQUEST, ASK)


async def test_a_model_that_fails_again_and_again_rests_and_is_probed_by_one_call(clock: Clock) -> None:
    clients = models()
    clients["good"].errors = down(3)
    asked = router(clients, breakers=CircuitBreakers(failures=3, rest_s=30, clock=clock))
    for _ in range(4):
        await asked.complete(REQUEST, ASK)
    assert len(clients["good"].asked) == 3
    clock.now += 31
    assert (await asked.complete(REQUEST, ASK)).instead_of == ()
    assert len(clients["good"].asked) == 4


async def test_callers_at_the_same_time_probe_a_resting_model_once(clock: Clock) -> None:
    async def plenty(_: Scope) -> float | None:
        await asyncio.sleep(0)
        return None

    clients = models()
    clients["good"].errors = down(9)
    asked = router(clients, breakers=CircuitBreakers(failures=1, rest_s=30, clock=clock), remaining_usd=plenty)
    await asked.complete(REQUEST, ASK)
    clock.now += 31
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(asked.complete(REQUEST, ASK)) for _ in range(5)]
    assert {call.result().text for call in calls} == {"fine"}
    assert len(clients["good"].asked) == 2


async def test_a_model_that_began_to_rest_meanwhile_is_told_of() -> None:
    clients = {"good": ScriptedModel("good", errors=down(2))}
    breakers = CircuitBreakers(failures=1)

    async def meanwhile(_: Scope) -> float | None:
        breakers.failed("good")
        return None

    with pytest.raises(UnavailableError, match="rest after failures; try again in a minute"):
        await router(clients, breakers=breakers, remaining_usd=meanwhile).complete(REQUEST, ASK)


async def test_when_all_rest_the_caller_is_told_to_wait() -> None:
    clients = {"good": ScriptedModel("good", errors=down(1))}
    asked = router(clients, breakers=CircuitBreakers(failures=1))
    for reason in ("It is down", "it failed several times and rests"):
        with pytest.raises(UnavailableError, match=reason):
            await asked.complete(REQUEST, ASK)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (ChatRequest([Message("user", "x" * 60_000)]), "fair"),
        (ChatRequest([Message("user", "x")], schema={"type": "object"}), "good"),
        (ChatRequest([Message("user", "x")], tools=(Tool("f", "", {}),)), "good"),
        (ChatRequest([Message("user", "x")], max_tokens=20_000), "fair"),
    ],
)
async def test_only_models_that_can_are_asked(request_: ChatRequest, wanted: str) -> None:
    asked = router(models())
    for _ in range(5):
        assert (await asked.complete(request_, ASK)).model == f"{wanted}-as-billed"


async def test_what_no_model_can_is_refused_with_the_reasons() -> None:
    with pytest.raises(BadRequestError, match="do not fit into its 8000.*add a model to models.yaml"):
        await router(models()).complete(ChatRequest([Message("user", "x" * 200_000)]), ASK)


async def test_a_model_of_unknown_price_is_asked_only_when_told() -> None:
    clients = {"secret": ScriptedModel("secret")}
    for told in (False, True):
        asked = LLMRouter(clients, [ModelCard("secret", 8_000)], options=RoutingOptions(allow_unpriced=told))
        result = await asked.chat([Message("user", "Why?")], scope=T)
        assert result.success is told
        assert told or "its price is not known" in (result.error or "")


async def test_what_a_scope_has_left_caps_the_choice() -> None:
    left = {T: 0.0003, Scope.of("u", "w"): 0.0}

    async def remaining(scope: Scope) -> float | None:
        return left[scope]

    asked = router(models(), remaining_usd=remaining)
    assert await asked.select_model([Message("user", "Why?")], scope=T) != "good"
    with pytest.raises(BudgetExceededError):
        await asked.select_model([Message("user", "Why?")], scope=Scope.of("u", "w"))


@pytest.mark.parametrize("context", [{"complexity": "huge"}, {"speed": 1}], ids=["no such complexity", "no such field"])
async def test_a_context_that_is_none_is_refused(context: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        await router(models()).select_model([Message("user", "Why?")], context, scope=T)


async def test_a_budget_of_the_plan_s_form_caps_the_call() -> None:
    context = {"complexity": "medium", "budget": 0.0001}
    assert await router(models()).select_model([{"role": "user", "content": "Why?"}], context, scope=T) == "poor"


async def test_rewards_that_come_late_change_whom_it_asks() -> None:
    asked = router(models())
    results = [await asked.chat([Message("user", "Why?")], scope=T, task="answer") for _ in range(30)]
    for result in results:
        await asked.feedback(result.decision_id, 0.0 if result.model == "good" else 0.9)
    assert await asked.select_model([Message("user", "Why?")], {"task": "answer"}, scope=T) != "good"


async def test_a_reward_is_taken_once_and_only_for_what_was_decided() -> None:
    asked = router(models())
    result = await asked.chat([Message("user", "Why?")], scope=T)
    await asked.feedback(result.decision_id, 1.0)
    for decision, reward, fault in [
        (result.decision_id, 1.0, "rewarded already"),
        ("nothing", 1.0, "not known"),
        (result.decision_id, 1.5, "from 0 to 1"),
    ]:
        with pytest.raises(BadRequestError, match=fault):
            await asked.feedback(decision, reward)


async def test_a_deadline_is_shared_by_all_who_are_tried(clock: Clock) -> None:
    clients = models()

    class Slow(ScriptedModel):
        async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
            clock.now += 8
            return await super().complete(request, purpose)

    clients["good"] = Slow("good", errors=down())
    clients["fair"] = Slow("fair", errors=down())
    with pytest.raises(UnavailableError, match="No answer in 15 s"):
        await router(clients, clock=clock).complete(REQUEST, Purpose(T, "answer", deadline_s=15))
    [(_, purpose)] = clients["fair"].asked
    assert purpose.deadline_s == pytest.approx(7)
    assert not clients["poor"].asked


async def pieces(stream: AsyncIterator[str | Completion]) -> list[str | Completion]:
    return [piece async for piece in stream]


async def test_a_stream_ends_with_the_decided_answer_and_may_fall_back_before_the_first_word() -> None:
    clients = models()
    clients["good"].errors, clients["fair"].text = down(), "two words"
    *said, last = await pieces(router(clients).stream(REQUEST, ASK))
    assert said == ["two", "words"]
    assert isinstance(last, Completion)
    assert (last.instead_of, bool(last.decision_id)) == (("good",), True)


async def test_a_stream_that_breaks_after_its_first_word_is_not_begun_again() -> None:
    clients = models()
    clients["good"].text, clients["good"].errors, clients["good"].breaks_after = "one two", down(), 1
    stream = router(clients).stream(REQUEST, ASK)
    assert await anext(stream) == "one"
    with pytest.raises(UnavailableError, match="It is down"):
        await anext(stream)
    assert clients["good"].closed == 1


async def test_a_stream_that_is_left_is_closed_and_the_model_may_be_probed_again() -> None:
    clients = models()
    clients["good"].text = "one two three"
    stream = router(clients).stream(REQUEST, ASK)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert clients["good"].closed == 1


async def test_kept_decisions_answer_the_same_question_for_a_while_and_for_its_tenant_only(clock: Clock) -> None:
    asked = router(models(), cached_decisions=8, cached_for_s=600, clock=clock)

    async def chosen(purpose: Purpose = ASK) -> Choice:
        return (await asked._perform_model_selection(REQUEST, purpose, RoutingContext("answer"))).choice

    first = await chosen()
    assert await chosen() is first
    assert await chosen(Purpose(T, "answer", use_cache=False)) is not first
    assert await chosen(Purpose(Scope.of("u", "w"), "answer")) is not first
    clock.now += 600
    assert await chosen() is not first


async def test_decisions_are_not_kept_unless_asked_for() -> None:
    asked = router(models())
    for _ in range(3):
        await asked.select_model([Message("user", "Why?")], scope=T)
    assert len(asked._routing_cache) == 0
    assert asked._generate_routing_cache_key(REQUEST, ASK, ()) == ""


async def test_models_come_and_go() -> None:
    asked = router(models())
    asked.add_model(ModelCard("best", 8_000, 0.0, 0.0, quality=1.0), ScriptedModel("best"))
    asked.remove_model("good")
    assert await asked.select_model([Message("user", "Why?")], scope=T) == "best"
    with pytest.raises(BadRequestError, match="There is no model 'good'"):
        asked.remove_model("good")


def test_a_client_without_a_card_is_refused() -> None:
    with pytest.raises(BadRequestError, match="Nothing is known of the model 'x'"):
        LLMRouter({"x": ScriptedModel("x")}, [GOOD])


async def test_a_crash_loses_nothing_that_was_written_down(tmp_path: Path) -> None:
    database = Database(tmp_path / "decisions.db", SCHEMA)

    def started() -> LLMRouter:
        return LLMRouter(
            models(), [GOOD, FAIR, POOR], features=Features(["answer"], None), log=SqliteDecisionLog(database)
        )

    first = started()
    for _ in range(5):
        await first.feedback((await first.complete(REQUEST, ASK)).decision_id, 0.1)
    second = started()  # the first one was never closed
    policies = [(await each.learner.opened()).to_bytes() for each in (first, second)]
    assert policies[0] == policies[1]
    await second.close()
    third = started()
    assert (await third.learner.opened()).bandit.rewards == 5
    await database.close()


async def test_two_processes_learn_the_same_from_one_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "decisions.db", SCHEMA)
    both = [LLMRouter(models(), [GOOD, FAIR, POOR], log=SqliteDecisionLog(database)) for _ in range(2)]
    for _ in range(3):
        for each in both:
            answer = await each.complete(REQUEST, ASK)
            await each.feedback(answer.decision_id, 0.2)
    last = await both[0].complete(REQUEST, ASK)
    await both[1].feedback(last.decision_id, 1.0)  # a decision of the other one
    await both[0].complete(REQUEST, ASK)
    assert both[0].learner.policy.bandit.rewards == both[1].learner.policy.bandit.rewards
    await database.close()


async def test_an_answer_is_not_given_up_because_its_decision_cannot_be_written_down() -> None:
    class FullLog(MemoryDecisionLog):
        async def record(self, decision: Decision) -> None:
            raise UnavailableError("The disk is full; free some space.")

    asked = LLMRouter(models(), [GOOD, FAIR, POOR], log=FullLog())
    assert (await asked.ping()).ok
    result = await asked.chat([Message("user", "Why?")], scope=T)
    assert (result.success, result.response, result.decision_id) == (True, "fine", "")
    health = await asked.ping()
    assert (health.ok, "The disk is full" in health.detail) == (False, True)


async def test_what_cannot_be_read_is_learned_again_from_the_decisions(tmp_path: Path) -> None:
    database = Database(tmp_path / "decisions.db", SCHEMA)
    log = SqliteDecisionLog(database)
    first, again = (LLMRouter(models(), [GOOD, FAIR, POOR], log=log) for _ in range(2))
    for reward in (0.0, 1.0, 0.5):
        await first.feedback((await first.complete(REQUEST, ASK)).decision_id, reward)
    await log.save(first.learner.layout, Learned(6, b"of another udib"))
    assert (await again.learner.opened()).to_bytes() == first.learner.policy.to_bytes()
    await again.close()
    learned = await log.learned(first.learner.layout)
    assert learned is not None
    assert learned.data == first.learner.policy.to_bytes()
    await database.close()


async def test_what_was_learned_is_left_behind_when_that_is_wanted() -> None:
    log = MemoryDecisionLog()
    first, again = (LLMRouter(models(), [GOOD, FAIR, POOR], log=log) for _ in range(2))
    fresh = again.learner.policy.to_bytes()
    await first.feedback((await first.complete(REQUEST, ASK)).decision_id, 0.0)
    await again.learner.anew()
    assert (await LLMRouter(models(), [GOOD, FAIR, POOR], log=log).learner.opened()).to_bytes() == fresh


def missing() -> list[UdibError]:
    return [MissingModelError("There is no model 'good' here (HTTP 404); check the name.")]


async def test_a_model_that_its_provider_no_longer_has_is_passed_over_and_rests_after_a_while() -> None:
    clients = models()
    clients["good"].errors = missing() * 9
    asked = router(clients, breakers=CircuitBreakers(failures=2))
    for _ in range(4):
        assert (await asked.complete(REQUEST, ASK)).text == "fine"
    assert len(clients["good"].asked) == 2


async def test_the_only_model_s_own_words_are_not_wrapped_in_others() -> None:
    asked = router({"good": ScriptedModel("good", errors=missing())})
    with pytest.raises(MissingModelError, match=r"^There is no model 'good' here \(HTTP 404\); check the name\.$"):
        await asked.complete(REQUEST, ASK)


async def test_a_model_whose_answer_could_pass_a_cap_makes_room_for_cheaper_ones() -> None:
    clients = models()
    for name in ("good", "fair"):
        clients[name].errors = [BudgetExceededError(f"A call to {name} may cost too much; ask less.")] * 2
    asked = router(clients, most_tried=1)
    answer = await asked.complete(REQUEST, ASK)
    assert (answer.model, set(answer.instead_of)) == ("poor-as-billed", {"good", "fair"})
    streamed = [piece async for piece in asked.stream(REQUEST, ASK)]
    assert streamed[0] == "fine"
    assert len(clients["poor"].asked) == 2


async def test_when_every_model_could_pass_a_cap_that_is_said_and_no_one_is_told_to_wait() -> None:
    clients = models()
    for each in clients.values():
        each.errors = [BudgetExceededError(f"A call to {each.name} may cost too much; ask less.")]
    with pytest.raises(BudgetExceededError, match="may cost too much"):
        await router(clients).complete(REQUEST, ASK)
