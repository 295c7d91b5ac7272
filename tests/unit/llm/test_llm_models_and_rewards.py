"""models.yaml, automatic rewards, calibration, and the key of a kept decision."""

from pathlib import Path

import pytest
from routed_models import ScriptedModel

from udib.app.config_file import read_config
from udib.core.chat import ChatRequest, Message, Purpose, TokenUsage
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.findings import Label
from udib.core.tenancy import Scope
from udib.llm.calibration import CheckedQuestion, calibrate
from udib.llm.cards import ModelCard
from udib.llm.catalogue import read_models
from udib.llm.features import Features
from udib.llm.pacer import BudgetPacer
from udib.llm.rewards import (
    Signals,
    agreement_reward,
    combined_reward,
    latency_reward,
    quotes_reward,
    schema_reward,
)
from udib.llm.router import LLMRouter
from udib.llm.routing_cache import routing_key
from udib.llm.routing_options import RoutingOptions

T = Scope.of("t", "w")
SHIPPED = Path(__file__).parents[3] / "config/models.yaml"
RIGHT, WRONG = Label.SUPPORTED, Label.REFUTED


def test_the_shipped_models_can_be_read() -> None:
    catalogue = read_models(read_config(SHIPPED), SHIPPED)
    assert "answer" in catalogue.tasks
    assert len(catalogue.cards) >= 5
    assert all(card.priced and 0 < card.quality < 1 for card in catalogue.cards)
    features = Features(catalogue.tasks, None)
    assert len(features.certainty) == 9  # and 17 with the topics, for which the times are measured


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("as_of: 2025-01-01\ntasks: []\nmodels: []", r"models: .*at least 1"),
        (
            "as_of: 2025-01-01\ntasks: []\nmodels: [{name: a, context_tokens: 9000, quality: 2}]",
            r"models\.0\.quality: ",
        ),
        (
            "as_of: 2025-01-01\ntasks: []\nmodels: [{name: a, context_tokens: 9000, colour: red}]",
            r"models\.0\.colour: ",
        ),
        (
            "as_of: 2025-01-01\ntasks: []\nmodels: [{name: a, context_tokens: 9000}, {name: a, context_tokens: 9000}]",
            r"a is there twice",
        ),
        ("as_of: 2025-01-01", r"tasks: Field required and 1 more"),
    ],
)
def test_a_list_of_models_that_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadRequestError, match=fault) as refused:
        read_models(read_config(path), path)
    assert str(refused.value).endswith("correct it there.")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (schema_reward(valid_at_first=True), 1.0),
        (schema_reward(valid_at_first=False, valid_after_repair=True), 0.5),
        (schema_reward(valid_at_first=False), 0.0),
        (quotes_reward(verbatim=3, given=4), 0.75),
        (quotes_reward(verbatim=0, given=0), None),
        (agreement_reward(RIGHT, RIGHT), 1.0),
        (agreement_reward(RIGHT, WRONG), 0.0),
        (agreement_reward(RIGHT, Label.CONFLICTING), 0.5),
        (latency_reward(900, 1_000), 1.0),
        (latency_reward(1_500, 1_000), 0.5),
        (latency_reward(9_000, 1_000), 0.0),
        (combined_reward(Signals(schema=1.0, quotes=0.5)), 0.75),
        (combined_reward(Signals(schema=1.0, latency=0.0)), 0.75),
        (combined_reward(Signals(complete=False, schema=1.0)), 0.0),
        (combined_reward(Signals()), None),
    ],
)
def test_rewards(found: float | None, expected: float | None) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("accepted", "text", "right"),
    [
        ("Paris", "It is PARIS.", True),
        ("Paris", "Parisian life", False),
        ("42", "First 7, then 42.", True),
        ("42", "42 is not it, 7 is", False),
        ("1,250", "The sum is 1250", True),
        ("0.5", "0,5", True),
        ("3", "1.2.3", False),
        ("C++", "I say C++!", True),
    ],
)
def test_an_answer_is_checked(accepted: str, text: str, right: bool) -> None:
    assert CheckedQuestion("?", (accepted,), "answer").reward(text) == float(right)


async def test_a_calibration_teaches_the_router_and_paces_nobody() -> None:
    clients = {"wise": ScriptedModel("wise", "It is Paris."), "fool": ScriptedModel("fool", "It is Rome.")}
    cards = [ModelCard("fool", 8_000, 1.0, 1.0, quality=0.9), ModelCard("wise", 8_000, 1.0, 1.0, quality=0.1)]
    options = RoutingOptions(budget=lambda _: BudgetPacer(1.0, 100))
    router = LLMRouter(clients, cards, features=Features(["answer"], None), options=options)
    found = await calibrate(router, [CheckedQuestion("Capital of France?", ("Paris",), "answer")] * 6, T, most_usd=1.0)
    assert [(mark.model, mark.answered, mark.right) for mark in found.marks] == [("fool", 6, 0.0), ("wise", 6, 1.0)]
    assert (found.questions, found.capped) == (6, False)
    assert found.cost_usd == pytest.approx(12 * 150e-6)
    assert await router.select_model([Message("user", "Capital of Spain?")], {"task": "answer"}, scope=T) == "wise"
    pacer = router.learner.policy.pacer("t")
    assert pacer is not None
    assert pacer.spent_usd == 0.0
    [first, *_] = await router.learner.log.decisions(T, limit=1)
    assert (first.calibration, first.propensity) == (True, 0.0)
    assert all(not purpose.use_cache for _, purpose in clients["wise"].asked)


async def test_a_calibration_ends_before_its_cap_is_passed() -> None:
    billed = TokenUsage(100, 50, cost_usd=0.01, billed=True)
    clients = {name: ScriptedModel(name, "42", billed) for name in "ab"}
    router = LLMRouter(clients, [ModelCard(name, 8_000, 10.0, 20.0) for name in "ab"])
    done: list[int] = []
    found = await calibrate(
        router, [CheckedQuestion("?", ("42",), "answer")] * 50, T, most_usd=0.1, progress=done.append
    )
    assert found.capped
    assert found.cost_usd <= 0.1
    assert done == list(range(1, found.questions + 1))
    assert {mark.answered for mark in found.marks} == {found.questions}


async def test_a_model_that_fails_in_a_calibration_is_told_and_teaches_nothing() -> None:
    clients = {"a": ScriptedModel("a", errors=[UnavailableError("It is down; wait.")]), "b": ScriptedModel("b", "42")}
    router = LLMRouter(clients, [ModelCard(name, 8_000, 1.0, 1.0) for name in "ab"])
    found = await calibrate(router, [CheckedQuestion("?", ("42",), "answer")], T, most_usd=1.0)
    assert [(mark.failed, mark.fault) for mark in found.marks] == [(1, "It is down; wait."), (0, "")]
    assert router.learner.policy.bandit.rewards == 1


BASE = ChatRequest([Message("user", "Why?")])


@pytest.mark.parametrize(
    ("request_", "purpose", "other"),
    [
        (ChatRequest([Message("user", "Why not?")]), Purpose(T, "answer"), 1),
        (ChatRequest([Message("system", "Why?")]), Purpose(T, "answer"), 1),
        (ChatRequest(BASE.messages, max_tokens=9), Purpose(T, "answer"), 1),
        (ChatRequest(BASE.messages, options={"provider": "x"}), Purpose(T, "answer"), 1),
        (BASE, Purpose(T, "summary"), 1),
        (BASE, Purpose(Scope.of("t", "v"), "answer"), 1),
        (BASE, Purpose(Scope.of("u", "w"), "answer"), 1),
        (BASE, Purpose(T, "answer"), 2),
    ],
)
def test_whatever_decides_is_in_the_key_of_a_kept_decision(request_: ChatRequest, purpose: Purpose, other: int) -> None:
    assert routing_key(BASE, Purpose(T, "answer"), 1) != routing_key(request_, purpose, other)
    assert routing_key(request_, purpose, other) == routing_key(request_, purpose, other)
