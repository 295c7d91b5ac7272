"""Language models as a user meets them: `udib ask` in a model's words, what it costs, what is kept, what goes wrong.

The model is a scripted server of `udib.testing`, in a process of its own.
"""

import asyncio
import json
import os
import re
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands, name_model

from udib.app.bootstrap import open_app
from udib.app.settings import load_settings
from udib.core.chat import ChatRequest, Message, Purpose
from udib.core.types import Answer, ContentId
from udib.testing.chat_server import ChatServer, ScriptedReply

TALK = """WEBVTT

00:01.000 --> 00:04.000
<v Maya>Rents in Vienna rose by twelve percent in 2021.

00:05.000 --> 00:09.000
<v Daniel>In Berlin the rents fell by four percent; write to daniel.huber@example.org for the figures.
"""
DRAFT = {
    "statements": [
        {
            "text": "Maya says that rents in Vienna rose by 12 percent.",
            "cites": [1],
            "quotes": ["rents in Vienna rose"],
        },
        {"text": "Rents in Vienna rose by 30 percent.", "cites": [1], "quotes": []},
        {"text": "Everybody agrees on rents.", "cites": [], "quotes": []},
    ]
}
QUESTION = "how did rents in Vienna change?"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer) -> Path:
    name_model(server, tmp_path, monkeypatch)
    (tmp_path / "talk.vtt").write_text(TALK, encoding="utf-8")
    return tmp_path / "data"


@pytest.fixture
def cli(data: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(data, capsys)


async def asked(data: Path, *replies: ScriptedReply, server: ChatServer, question: str = QUESTION) -> Answer:
    async with open_app(load_settings(data_dir=data)) as app:
        if not await app.catalogue.listing(app.scope):
            server.script(ScriptedReply(status=503))  # no summary, of which other tests tell
            (await app.pipeline.process_video(str(data.parent / "talk.vtt"))).unwrap()
            server.seen()
        server.script(*replies)
        return (await app.ask(question)).unwrap()


def reply(draft: Any = DRAFT, **more: Any) -> ScriptedReply:
    return ScriptedReply(text=json.dumps(draft), **more)


def holding(data: Path, words: bytes) -> list[Path]:
    """The files that hold words; those of the vector engine come and go while they are looked for."""
    found = []
    for folder, _, names in os.walk(data):
        for name in names:
            with suppress(FileNotFoundError):
                if words in (path := Path(folder, name)).read_bytes():
                    found.append(path)
    return found


async def test_an_answer_in_words_cites_what_was_said_and_drops_the_rest(data: Path, server: ChatServer) -> None:
    answer = await asked(data, reply(), server=server)
    [statement] = answer.statements
    assert (statement.text, statement.cites) == ("Maya says that rents in Vienna rose by 12 percent.", (1,))
    assert statement.quotes == ("Rents in Vienna rose",)
    assert (answer.dropped, answer.model) == (2, "small")
    assert answer.cost_usd > 0
    assert "2 of 3 statements were left out" in answer.note
    assert answer.passages[0].record.speaker == "Maya"
    [request] = server.seen()
    assert "passage-" in json.dumps(request.body)

    # The same question again is answered from the cache, and costs nothing.
    again = await asked(data, ScriptedReply(status=500), server=server)
    assert (again.statements, again.cost_usd) == (answer.statements, 0.0)


async def test_private_details_stay_if_that_is_wanted(
    data: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(data, reply(), server=server)
    [sent] = server.seen()
    assert "daniel.huber@example.org" in json.dumps(sent.body), "the model is on this machine"
    monkeypatch.setenv("UDIB_LLM__REDACT", "true")
    await asked(data, reply(), server=server, question="how did the rents in Berlin change?")
    [sent] = server.seen()
    assert "daniel.huber@example.org" not in json.dumps(sent.body)
    assert "[EMAIL_1]" in json.dumps(sent.body)


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([ScriptedReply(status=401)], "does not accept the API key"),
        ([ScriptedReply(text="no JSON")], "no answer of the form asked for, in two tries"),
        ([reply({"statements": []})], "finds no answer in these passages"),
        ([reply({"statements": [{"text": "x", "cites": [99], "quotes": []}]})], "no passage says them"),
    ],
)
async def test_what_goes_wrong_leaves_the_passages_and_says_it(
    data: Path, server: ChatServer, replies: list[ScriptedReply], says: str
) -> None:
    answer = await asked(data, *replies, server=server)
    assert answer.statements == ()
    assert says in answer.note
    assert len(answer.passages) == 2


async def test_a_cap_is_never_passed(data: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_LLM__CAP_REQUEST_USD", "0.0001")
    answer = await asked(data, reply(), server=server)
    assert "raise llm.cap_request_usd" in answer.note
    monkeypatch.setenv("UDIB_LLM__CAP_REQUEST_USD", "0.1")
    monkeypatch.setenv("UDIB_LLM__CAP_DAY_USD", "0.0001")
    answer = await asked(data, reply(), server=server)
    assert "raise llm.cap_day_usd" in answer.note
    assert server.seen() == []


def test_a_dry_run_says_the_cost_and_asks_nothing(
    cli: Commands, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing that was said" in cli("ask", QUESTION, "--dry-run")
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    server.seen()  # the summary's call
    planned = json.loads(cli("ask", QUESTION, "--dry-run", "--json"))
    assert (planned["model"], planned["passages"], planned["note"]) == ("small", 2, "")
    assert 0 < planned["expected_usd"] < planned["most_usd"] < 0.1
    text = " ".join(cli("ask", QUESTION, "--dry-run").split())
    assert f"2 passages would go to small, for about {planned['expected_usd']:.4f} USD and at most" in text
    monkeypatch.setenv("UDIB_LLM__CAP_REQUEST_USD", "0.0001")
    text = " ".join(cli("ask", QUESTION, "--dry-run").split())
    assert "raise llm.cap_request_usd. It would cost 0.0000 USD." in text
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "none")
    assert "No language model is named" in cli("ask", QUESTION, "--dry-run")
    assert not server.seen()
    assert [row["task"] for row in json.loads(cli("llm", "spend", "--json"))["spendings"]] == ["summary"]


def test_nobody_is_told_that_answers_are_gone_while_their_store_is_away(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("UDIB_LLM_CACHE__STORE", "redis")
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{unused_tcp_port}/0")
    for arguments in (["clear"], ["stats"]):
        assert "The store of kept answers is away" in cli("llm", "cache", *arguments, code=3)


def test_kept_answers_are_looked_after_whoever_is_named(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "none")
    assert "No answer was looked for yet" in cli("llm", "cache", "stats")
    assert "No answer kept before now is given" in cli("llm", "cache", "clear")


async def test_another_list_of_models_is_asked_anew(
    data: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UDIB_LLM__MODEL")
    monkeypatch.setenv("UDIB_LLM__MODELS", str(data.parent / "models.yaml"))
    for name in ("one", "two", "two"):
        prices = "input_usd_per_million: 1, output_usd_per_million: 2"
        text = f"as_of: 2025-12-01\ntasks: [answer]\nmodels: [{{name: {name}, context_tokens: 8000, {prices}}}]\n"
        (data.parent / "models.yaml").write_text(text, encoding="utf-8")
        assert (await asked(data, reply(), server=server)).model == name
    assert [each.json["model"] for each in server.seen()] == ["one", "two"]


async def test_damage_to_what_was_learned_is_said_and_costs_no_answer(data: Path, server: ChatServer) -> None:
    data.mkdir(mode=0o700)
    (data / "decisions.db").write_bytes(b"no database, and certainly none of SQLite" * 100)
    assert (await asked(data, reply(), server=server)).statements
    assert (data / "decisions.db.damaged").exists()


async def test_kept_answers_are_forgotten_also_when_no_provider_is_named_any_more(
    data: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(data, reply(), server=server)
    word = b"Maya says that rents in Vienna"
    assert holding(data, word)
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "none")
    async with open_app(load_settings(data_dir=data)) as app:
        [item] = await app.catalogue.listing(app.scope)
        (await app.pipeline.forget(item.content.id)).unwrap()
    assert holding(data, word) == []


def test_a_backup_holds_what_was_spent_and_learned(
    cli: Commands, data: Path, server: ChatServer, tmp_path: Path
) -> None:
    server.script(reply())
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    cli("ask", QUESTION)
    cli("memory", "backup", str(tmp_path / "copy"))
    assert {"spending.db", "decisions.db"} <= {path.name for path in (tmp_path / "copy").iterdir()}


def test_the_commands(cli: Commands, data: Path, server: ChatServer, tmp_path: Path) -> None:
    server.script(ScriptedReply(status=503))
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    server.script(reply())
    text = cli("ask", QUESTION)
    assert "Maya says that rents in Vienna rose by 12 percent. [1]" in text
    assert "words: small" in text
    spent = json.loads(cli("llm", "spend", "--json"))
    [row] = spent["spendings"]
    assert (row["task"], row["model"], row["calls"], row["unsettled"]) == ("answer", "small", 1, 0)
    assert "answer" in cli("llm", "spend", "--days", "2", "--everybody")
    assert re.search(
        r"^\S+ of 1\.00 USD are spent or set aside today \(UTC\) by the tenant", cli("llm", "spend"), re.MULTILINE
    )
    assert "small" in cli("llm", "models")
    assert "small would be asked" in cli("llm", "route", "what", "about", "rents?")
    cli("ask", QUESTION)
    [row] = [each for each in json.loads(cli("llm", "cache", "stats", "--json")) if each["task"] == "answer"]
    assert (row["hits"], row["misses"]) == (1, 1)
    cli("llm", "cache", "clear")
    server.script(ScriptedReply(text="ready"))
    assert "model answers" in cli("doctor", "--online")
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"prompt": "Say ready.", "accepted": ["ready"], "task": "answer"}\n', encoding="utf-8")
    found = json.loads(cli("llm", "calibrate", str(questions), "--json", "--quiet"))
    assert found["marks"][0]["right"] == 1.0


def test_no_escape_of_a_model_reaches_the_terminal(cli: Commands, server: ChatServer, tmp_path: Path) -> None:
    text = "Maya says \x1b[J\u202ethat \x9brents in Vienna rose.\r\x07"
    draft = {"statements": [{"text": text, "cites": [1], "quotes": ["rents in Vienna rose"]}]}
    body = {"model": "evil\x1b[31m", "choices": [{"message": {"content": json.dumps(draft)}, "finish_reason": "stop"}]}
    server.script(ScriptedReply(body=json.dumps(body)))
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    shown = cli("ask", QUESTION) + cli("ask", QUESTION, "--json")
    assert "rents in Vienna rose. [1]" in shown
    assert not set(shown) & set("\x1b\x9b\r\x07\u202e")
    server.script(ScriptedReply(status=400, body='{"error": {"message": "\\u001b[2J@everyone"}}'))
    assert "\x1b" not in cli("ask", "what of Berlin?")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["llm", "spend", "--days", "0"], "1 to 3660"),
        (["llm", "cache", "clear", "everything"], "everything"),
        (["llm", "models", "--live"], "tells no prices"),
        (["llm", "calibrate", "missing.jsonl"], "cannot be read"),
        (["llm", "calibrate", "missing.jsonl", "--most-usd", "nan"], "more than 0, not nan"),
        (["llm", "calibrate", "missing.jsonl", "--most-usd", "0"], "more than 0, not 0"),
        (["llm", "route"], "The question is empty"),
        (["llm", "route", "rents?", "--task", "anwser"], "no task 'anwser'; there are answer, "),
    ],
)
def test_what_cannot_be_done_is_said(cli: Commands, arguments: list[str], says: str) -> None:
    assert says in cli(*arguments, code=2)


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"UDIB_LLM__PROVIDER": "openrouter"}, 2, "OPENROUTER_API_KEY"),
        ({"UDIB_LLM__BASE_URL": ""}, 2, "llm.base_url is not set"),
        ({"UDIB_LLM__OUTPUT_USD_PER_MILLION": ""}, 2, "output_usd_per_million"),
        ({"UDIB_LLM__PROVIDER": "none"}, 2, "No language model is named"),
        ({"UDIB_LLM_CACHE__STORE": "redis"}, 2, "redis_url is not set"),
        ({"UDIB_LLM__CAP_DAY_USD": "inf"}, 2, "cap_day_usd"),
        ({"UDIB_LLM__CAP_REQUEST_USD": "nan"}, 2, "cap_request_usd"),
    ],
)
def test_settings_that_lack_something_are_a_sentence(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], code: int, says: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert says in cli("llm", "models", code=code)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "lists no models"),
        ("as_of: 2025-01-01\ntasks: &a [x]\nmodels: *a", "&, * and ! are not known"),
        ("as_of: 2025-01-01\nas_of: 2025-01-02", "a name is given twice"),
    ],
)
def test_a_list_of_models_is_read_as_carefully_as_settings(
    cli: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, says: str
) -> None:
    monkeypatch.setenv("UDIB_LLM__MODELS", str(tmp_path / "mine.yaml"))
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert says in cli("llm", "models", code=2)


async def rewards(data: Path) -> list[float | None]:
    """What the router was told of its decisions on answers, the first one first."""
    async with open_app(load_settings(data_dir=data)) as app:
        assert app.models is not None
        found = await app.models.router.learner.log.decisions(app.scope, limit=10)
        ordered = sorted(found, key=lambda each: each.decided_at)
        return [each.reward for each in ordered if each.task == "answer"]


async def test_the_router_learns_what_an_answer_was_worth(data: Path, server: ChatServer) -> None:
    half = {"text": "Rents rose.", "cites": [1], "quotes": ["rents in Vienna rose", "rents are theft"]}
    await asked(data, reply({"statements": [half]}), server=server)
    # The form was right, one of two quotes was said, and it came in time.
    assert await rewards(data) == [pytest.approx((3 * 1 + 3 * 0.5 + 1) / 7)]


async def test_the_router_learns_of_repairs_and_of_answers_that_came_to_nothing(data: Path, server: ChatServer) -> None:
    await asked(data, ScriptedReply(text="no JSON"), reply({"statements": []}), server=server)
    assert await rewards(data) == [0.5, pytest.approx((3 * 0.5 + 1) / 4)]
    await asked(data, ScriptedReply(text="no JSON"), server=server, question="what of rents in Berlin?")
    assert (await rewards(data))[2:] == [0.0, 0.0]


async def test_a_question_in_other_words_is_answered_from_the_cache_where_its_task_is_listed(
    data: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch, cli: Commands
) -> None:
    monkeypatch.setenv("UDIB_LLM_CACHE__SEMANTIC__TASKS", '["answer"]')
    monkeypatch.setenv("UDIB_LLM_CACHE__SEMANTIC__ERROR_BOUND", "0.1")
    server.script(ScriptedReply(text="Tenants."))
    wordings = [" ".join(words) for words in permutations(["who", "paid", "district", "heating", "bills"])]
    async with open_app(load_settings(data_dir=data)) as app:
        assert app.models is not None
        for wording in wordings:
            for task in ("answer", "claims"):
                request = ChatRequest([Message("user", f"{wording}?")])
                answer = await app.models.chat.complete(request, Purpose(app.scope, task))
                assert answer.text == "Tenants."
        assert app.models.semantic is not None
        assert await app.models.semantic.forget(app.scope, ContentId("any")) == 1, "all were answered alike"
    calls = len(server.seen())
    assert len(wordings) < calls < 2 * len(wordings), "one task is listed, the other is not"
    rows = {row["task"]: row for row in json.loads(await asyncio.to_thread(cli, "llm", "cache", "stats", "--json"))}
    answered, other = rows["answer"], rows["claims"]
    assert answered["compared"] == len(wordings) - 1
    assert answered["reworded"] == answered["hits"] == 2 * len(wordings) - calls
    assert (answered["checked"], answered["checked_wrong"]) == (answered["misses"] - 1, 0)
    assert (other["compared"], other["hits"]) == (0, 0)
    assert "In other words: 119 questions compared" in await asyncio.to_thread(cli, "llm", "cache", "stats")


def test_a_task_that_there_is_not_cannot_be_listed(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_LLM_CACHE__SEMANTIC__TASKS", '["anser"]')
    assert "'anser', which is no task; there are answer, " in cli("llm", "models", code=2)
