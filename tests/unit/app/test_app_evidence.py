"""Which services the settings open, what they need, and what is taken out of what they are asked."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from udib.app.bootstrap_evidence import open_elsewhere, without_private_details
from udib.app.evidence_settings import EvidenceSettings
from udib.app.plan import _looking_up
from udib.app.settings import load_settings
from udib.core.errors import BadRequestError
from udib.pipeline.gathering import Elsewhere
from udib.storage.database import Database
from udib.storage.kv import MemoryKeyValueStore
from udib.storage.ledger import SCHEMA, SqliteLedger


async def opened(tmp_path: Path, **values: object) -> Elsewhere:
    settings = load_settings().model_copy(update={"evidence": EvidenceSettings.model_validate(values)})
    async with AsyncExitStack() as stack:
        database = Database(tmp_path / "spending.db", SCHEMA)
        stack.push_async_callback(database.close)
        return open_elsewhere(stack, settings, SqliteLedger(database), MemoryKeyValueStore())


@pytest.mark.parametrize(
    ("values", "web", "reviews"),
    [
        ({}, None, None),
        ({"search_key": "x", "reviews_key": "x", "search_url": "https://a.example"}, None, None),
        ({"search": "searxng", "search_url": "http://127.0.0.1:8888"}, "web search (searxng)", None),
        ({"search": "brave", "search_key": "x"}, "web search (brave)", None),
        ({"search": "serper", "search_key": "x"}, "web search (serper)", None),
        ({"search": "tavily", "search_key": "x"}, "web search (tavily)", None),
        ({"search": "opensearch", "search_url": "https://a.example/?q={searchTerms}"}, "web search (opensearch)", None),
        ({"reviews": "google", "reviews_key": "x"}, None, "published reviews (google)"),
    ],
)
async def test_a_service_is_opened_by_its_name_and_never_by_a_key(
    tmp_path: Path, values: dict[str, object], web: str | None, reviews: str | None
) -> None:
    elsewhere = await opened(tmp_path, **values)
    assert (elsewhere.web and elsewhere.web.name, elsewhere.reviews and elsewhere.reviews.name) == (web, reviews)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"search": "brave"}, "UDIB_EVIDENCE__SEARCH_KEY"),
        ({"search": "tavily", "search_key": ""}, "UDIB_EVIDENCE__SEARCH_KEY"),
        ({"reviews": "google"}, "UDIB_EVIDENCE__REVIEWS_KEY"),
        ({"search": "searxng"}, "evidence.search_url is not set"),
        ({"search": "searxng", "search_url": "localhost:8888"}, "begins with http"),
        ({"search": "opensearch", "search_url": "https://a.example"}, "{searchTerms}"),
    ],
)
async def test_what_a_service_lacks_is_said_in_a_sentence(
    tmp_path: Path, values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        await opened(tmp_path, **values)
    assert sentence in str(refused.value)


def test_secrets_are_not_shown() -> None:
    settings = EvidenceSettings.model_validate({"search_key": "hunter2", "reviews_key": "hunter3"})
    assert "hunter" not in f"{settings!r} {json.dumps(settings.model_dump(), default=str)}"


def test_private_details_stay_here() -> None:
    text = "Write to ann@example.org that rents in Vienna rose by 12 percent."
    assert without_private_details(text) == "Write to  that rents in Vienna rose by 12 percent."


def test_a_plan_says_what_would_leave_the_machine() -> None:
    assert _looking_up(EvidenceSettings()) == []
    wanted = EvidenceSettings.model_validate({"search": "brave", "reviews": "google", "usd_per_search": 0.005})
    [step] = _looking_up(wanted)
    assert step.what == "the words of up to 20 claims go to google and brave, and up to 3 pages are read for each"
    assert step.cost_usd == pytest.approx(0.1)
