"""Language models as a user meets them: `udib ask` in a model's words, what it costs, what is kept, what goes wrong.

The model is a scripted server of `udib.testing`, in a process of its own.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from udib.app.bootstrap import open_app
from udib.app.cli import main
from udib.app.settings import load_settings
from udib.core.types import Answer
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server

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
Cli = Callable[..., str]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer) -> Path:
    for name in [name for name in os.environ if name.startswith(("UDIB_", "OPENROUTER_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "endpoint")
    monkeypatch.setenv("UDIB_LLM__BASE_URL", server.base_url)
    monkeypatch.setenv("UDIB_LLM__MODEL", "small")
    monkeypatch.setenv("UDIB_LLM__INPUT_USD_PER_MILLION", "1")
    monkeypatch.setenv("UDIB_LLM__OUTPUT_USD_PER_MILLION", "2")
    (tmp_path / "talk.vtt").write_text(TALK, encoding="utf-8")
    return tmp_path / "data"


@pytest.fixture
def cli(data: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(data)])
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        assert "Traceback" not in printed.err
        return printed.err if code else printed.out

    return run


async def asked(data: Path, *replies: ScriptedReply, server: ChatServer, question: str = QUESTION) -> Answer:
    server.script(*replies)
    async with open_app(load_settings(data_dir=data)) as app:
        if not await app.catalogue.listing(app.scope):
            (await app.pipeline.process_video(str(data.parent / "talk.vtt"))).unwrap()
        return (await app.ask(question)).unwrap()


def reply(draft: Any = DRAFT, **more: Any) -> ScriptedReply:
    return ScriptedReply(text=json.dumps(draft), **more)


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
    cli: Cli, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing that was said" in cli("ask", QUESTION, "--dry-run")
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
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
    assert json.loads(cli("llm", "spend", "--json"))["spendings"] == []


def test_nobody_is_told_that_answers_are_gone_while_their_store_is_away(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("UDIB_LLM_CACHE__STORE", "redis")
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{unused_tcp_port}/0")
    for arguments in (["clear"], ["stats"]):
        assert "The store of kept answers is away" in cli("llm", "cache", *arguments, code=3)


def test_kept_answers_are_looked_after_whoever_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert [path for path in data.rglob("*") if path.is_file() and word in path.read_bytes()]
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "none")
    async with open_app(load_settings(data_dir=data)) as app:
        [item] = await app.catalogue.listing(app.scope)
        (await app.pipeline.forget(item.content.id)).unwrap()
    assert not [path for path in data.rglob("*") if path.is_file() and word in path.read_bytes()]


def test_a_backup_holds_what_was_spent_and_learned(cli: Cli, data: Path, server: ChatServer, tmp_path: Path) -> None:
    server.script(reply())
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    cli("ask", QUESTION)
    cli("memory", "backup", str(tmp_path / "copy"))
    assert {"spending.db", "decisions.db"} <= {path.name for path in (tmp_path / "copy").iterdir()}


def test_the_commands(cli: Cli, data: Path, server: ChatServer, tmp_path: Path) -> None:
    server.script(reply())
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
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
    [row] = json.loads(cli("llm", "cache", "stats", "--json"))
    assert (row["hits"], row["misses"]) == (1, 1)
    cli("llm", "cache", "clear")
    server.script(ScriptedReply(text="ready"))
    assert "model answers" in cli("doctor", "--online")
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"prompt": "Say ready.", "accepted": ["ready"], "task": "answer"}\n', encoding="utf-8")
    found = json.loads(cli("llm", "calibrate", str(questions), "--json", "--quiet"))
    assert found["marks"][0]["right"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["llm", "spend", "--days", "0"], "1 to 3660"),
        (["llm", "cache", "clear", "everything"], "everything"),
        (["llm", "models", "--live"], "tells no prices"),
        (["llm", "calibrate", "missing.jsonl"], "cannot be read"),
        (["llm", "calibrate", "missing.jsonl", "--most-usd", "0"], "Give --most-usd more than 0"),
        (["llm", "route"], "The question is empty"),
        (["llm", "route", "rents?", "--task", "anwser"], "no task 'anwser'; there are answer, "),
    ],
)
def test_what_cannot_be_done_is_said(cli: Cli, arguments: list[str], says: str) -> None:
    assert says in cli(*arguments, code=2)


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"UDIB_LLM__PROVIDER": "openrouter"}, 2, "OPENROUTER_API_KEY"),
        ({"UDIB_LLM__BASE_URL": ""}, 2, "llm.base_url is not set"),
        ({"UDIB_LLM__OUTPUT_USD_PER_MILLION": ""}, 2, "output_usd_per_million"),
        ({"UDIB_LLM__PROVIDER": "none"}, 2, "No language model is named"),
        ({"UDIB_LLM_CACHE__STORE": "redis"}, 2, "redis_url is not set"),
    ],
)
def test_settings_that_lack_something_are_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], code: int, says: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert says in cli("llm", "models", code=code)
