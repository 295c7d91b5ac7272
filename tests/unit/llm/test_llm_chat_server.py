"""The scripted server as its users see it."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server


def post(server: ChatServer, body: dict[str, Any], path: str = "/chat/completions") -> bytes:
    asked = urllib.request.Request(server.base_url + path, data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        found: bytes = answer.read()
    return found


def said(*texts: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}


def test_without_a_script_the_last_message_comes_back() -> None:
    with chat_server() as server:
        answer = json.loads(post(server, said("one", "two three")))
    assert answer["choices"][0]["message"]["content"] == "two three"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_replies_come_in_order_and_the_last_again_and_again() -> None:
    with chat_server(ScriptedReply("a"), ScriptedReply("b")) as server:
        found = [json.loads(post(server, said("x")))["choices"][0]["message"]["content"] for _ in range(3)]
        assert [request.json["messages"][0]["content"] for request in server.seen()] == ["x", "x", "x"]
        assert server.seen() == []
    assert found == ["a", "b", "b"]


def test_a_stream_is_of_events_and_ends_with_done() -> None:
    with chat_server(ScriptedReply("one two")) as server:
        lines = post(server, {**said("x"), "stream": True}).split(b"\n\n")
    assert lines[-2:] == [b"data: [DONE]", b""]
    pieces = [json.loads(line[6:])["choices"][0]["delta"].get("content") for line in lines[:-2]]
    assert pieces == ["", "one ", "two", None]


def test_an_address_that_is_not_there_is_404() -> None:
    with chat_server() as server, pytest.raises(urllib.error.HTTPError, match="404") as caught:
        post(server, said("x"), "/completions")
    caught.value.close()


def test_the_server_ends_with_whoever_started_it() -> None:
    """However that ends: here without a word."""
    code = (
        "import os\nfrom udib.testing.chat_server import chat_server\n"
        "with chat_server() as server:\n    print(server.port, flush=True)\n    os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # `run` has read stderr, which the server has too, to its end: so the server is gone.
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(done.stdout))) != 0
