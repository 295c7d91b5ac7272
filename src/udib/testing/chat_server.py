"""An OpenAI-compatible server in a process of its own, with a script: answers, streams, latencies and faults.

    with chat_server(ScriptedReply("Paris."), ScriptedReply(status=429, headers={"Retry-After": "1"})) as server:
        client = OpenAICompatibleClient(pool, ModelEndpoint(server.base_url))

It is a real server behind a real socket on loopback, so what is tested against it is the whole way of a call.
"""

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Literal, cast
from urllib.parse import urlsplit

from udib.core.chat import ToolCall
from udib.core.child import framed, read_body


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """How one request is answered.

    Attributes:
        text: What the model says; None: the last message again.
        finish: Why it stopped.
        tool_calls: What it wants called.
        usage: What the call consumed; None: nothing is said about it. By default the words are counted.
        status: The HTTP status.
        headers: Beside the usual ones, or in their place.
        body: Sent in place of the chat completion, as it is, whether or not a stream was asked for. The
            surrogates U+DC80 to U+DCFF stand for the single bytes 80 to FF.
        delay_s: Time before the status line.
        pause_s: Time between two writes of the body.
        write_bytes: Bytes of each write, wherever that cuts; None: an event, or the whole body.
        fault: "drop": the connection ends before the status line; "hang": nothing ever comes; "cut": the connection
            ends in the middle of the body.
        when: Only requests whose body has this text are answered so, and each time; None: any, in its turn.
    """

    text: str | None = None
    finish: str | None = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Mapping[str, Any] | None = field(default_factory=lambda: {"counted": "words"})
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    delay_s: float = 0.0
    pause_s: float = 0.0
    write_bytes: int | None = None
    fault: Literal["drop", "hang", "cut"] | None = None
    when: str | None = None


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that arrived. Header names are lower case; `connection` counts the connections from 1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    connection: int

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body, read."""
        return json.loads(self.body)


class ChatServer:
    """A running server, seen from the process that started it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._stdin, self._stdout = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
        self.port: int = self._order("port")

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def address(self) -> str:
        """What the address guard has to allow."""
        return urlsplit(self.base_url).netloc

    def script(self, *replies: ScriptedReply) -> None:
        """Answer the next chats so, in order, the last reply again and again; those with a `when` go before."""
        self._order("script", [asdict(reply) for reply in replies])

    def page(self, path: str, *replies: ScriptedReply) -> None:
        """Answer GET requests for a path, such as "/v1/models", so, in order, the last reply again and again."""
        self._order("page", path, [asdict(reply) for reply in replies])

    def seen(self) -> list[SeenRequest]:
        """The requests since the last look, in order of arrival."""
        return [SeenRequest(**each) for each in self._order("seen")]

    def _order(self, *order: object) -> Any:  # noqa: ANN401 - any JSON value
        self._stdin.write(framed(json.dumps(order).encode()))
        self._stdin.flush()
        answer = read_body(self._stdout)
        if answer is None:
            raise RuntimeError("the chat server has ended; its complaint is on stderr")
        return json.loads(answer)


@contextmanager
def chat_server(*replies: ScriptedReply) -> Generator[ChatServer]:
    """A server that runs within the block and ends with it, or with this process.

    Without replies it says each last message again.
    """
    command = [sys.executable, "-m", "udib.testing.chat_server_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own module
        try:
            server = ChatServer(process)
            server.script(*(replies or (ScriptedReply(),)))
            yield server
        finally:
            process.kill()
