"""POST requests whose answer is read as it comes, against a server process on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from random import Random

import pytest

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UnavailableError
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.net.stream import Exchange, HTTPStream, open_post
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


class Sender:
    """Opens streams on one pool, and remembers how long it would have slept."""

    def __init__(self, server: ChatServer, pool: HTTPConnectionPool) -> None:
        self.server = server
        self.pool = pool
        self.slept: list[float] = []
        self.exchange = Exchange(
            f"{server.base_url}/chat/completions?key=secret", b"{}", {"X-Tag": "1"}, max_bytes=1000, connect_s=5.0
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def open(self, exchange: Exchange | None = None, *, within_s: float = 600) -> HTTPStream:
        return await open_post(
            self.pool,
            exchange or self.exchange,
            retry=RetryPolicy(rng=Random(7), sleep=self.sleep),
            deadline=asyncio.get_running_loop().time() + within_s,
            passing=lambda answer: answer.status >= 429,
        )


@pytest.fixture
async def sender(running: ChatServer) -> AsyncIterator[Sender]:
    running.seen()
    pool = HTTPConnectionPool(guard=AddressGuard({running.address}))
    yield Sender(running, pool)
    await pool.close()


async def test_a_body_is_read_as_it_comes(sender: Sender) -> None:
    sender.server.script(ScriptedReply(body="abcdef", write_bytes=2, pause_s=0.01, headers={"X-Tag": "2"}))
    with await sender.open() as answer:
        parts = [part async for part in parts_of(answer)]
    assert (answer.status, answer.headers["x-tag"], answer.refusal, answer.attempts) == (200, "2", b"", 1)
    assert b"".join(parts) == b"abcdef"
    assert len(parts) > 1
    [seen] = sender.server.seen()
    assert (seen.method, seen.body, seen.headers["x-tag"]) == ("POST", "{}", "1")


async def parts_of(answer: HTTPStream) -> AsyncIterator[bytes]:
    while part := await answer.chunk():
        yield part


async def test_a_body_that_is_read_to_its_end_leaves_the_connection(sender: Sender) -> None:
    sender.server.script(ScriptedReply(body="abc"))
    for _ in range(3):
        with await sender.open() as answer:
            assert await answer.read() == b"abc"
    assert len({seen.connection for seen in sender.server.seen()}) == 1


async def test_a_body_that_is_left_ends_the_connection(sender: Sender) -> None:
    sender.server.script(ScriptedReply(body="abc" * 100, write_bytes=1, pause_s=30), ScriptedReply(body="next"))
    with await sender.open() as answer:
        assert await answer.chunk() == b"a"
    with await sender.open() as answer:
        assert await answer.read() == b"next"
    assert len({seen.connection for seen in sender.server.seen()}) == 2


async def test_a_body_over_the_cap_is_refused(sender: Sender) -> None:
    sender.server.script(ScriptedReply(body="x" * 1001))
    with await sender.open() as answer, pytest.raises(UnavailableError, match="longer than 1,000 bytes"):
        await answer.read()


async def test_a_refusal_is_given_with_what_it_says(sender: Sender) -> None:
    sender.server.script(ScriptedReply(status=400, body="no " * 50_000))
    answer = await sender.open()
    assert answer.status == 400
    assert answer.refusal == (b"no " * 50_000)[: 2**16]


async def test_a_refusal_whose_explanation_breaks_off_is_still_one(sender: Sender) -> None:
    sender.server.script(ScriptedReply(status=400, body="no" * 500, fault="cut"))
    answer = await sender.open()
    assert answer.status == 400
    assert answer.refusal in {b"", b"no" * 250}


async def test_a_passing_refusal_is_tried_again(sender: Sender) -> None:
    sender.server.script(
        ScriptedReply(status=503),
        ScriptedReply(status=429, headers={"Retry-After": "7"}),
        ScriptedReply(body="at last"),
    )
    with await sender.open() as answer:
        assert await answer.read() == b"at last"
    assert answer.attempts == 3
    assert (0.25 <= sender.slept[0] <= 0.5, sender.slept[1]) == (True, 7.0)


async def test_the_last_refusal_is_given(sender: Sender) -> None:
    sender.server.script(ScriptedReply(status=503))
    answer = await sender.open()
    assert (answer.status, answer.attempts) == (503, 3)


async def test_a_wait_beyond_the_deadline_is_not_begun(sender: Sender) -> None:
    sender.server.script(ScriptedReply(status=429, headers={"Retry-After": "7"}))
    answer = await sender.open(within_s=5)
    assert (answer.status, answer.attempts, sender.slept) == (429, 1, [])


async def test_a_lost_connection_is_tried_again(sender: Sender) -> None:
    sender.server.script(ScriptedReply(fault="drop"), ScriptedReply(body="ok"))
    with await sender.open() as answer:
        assert await answer.read() == b"ok"
    assert answer.attempts == 2


async def test_a_silence_is_not_tried_again(sender: Sender) -> None:
    sender.server.script(ScriptedReply(fault="hang"))
    with pytest.raises(UnavailableError, match="did not answer in time"):
        await sender.open(replace(sender.exchange, silence_s=0.1))
    assert (len(sender.server.seen()), sender.slept) == (1, [])


async def test_a_silence_within_the_body_ends_it(sender: Sender) -> None:
    sender.server.script(ScriptedReply(body="ab", write_bytes=1, pause_s=30))
    with await sender.open(replace(sender.exchange, silence_s=0.1)) as answer:
        assert await answer.chunk() == b"a"
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await answer.chunk()


async def test_a_refused_connection_is_tried_again(sender: Sender, unused_tcp_port: int) -> None:
    pool = HTTPConnectionPool(guard=AddressGuard({f"127.0.0.1:{unused_tcp_port}"}))
    lost = Sender(sender.server, pool)
    with pytest.raises(NotSentError, match="could not be reached") as caught:
        await lost.open(replace(sender.exchange, url=f"http://127.0.0.1:{unused_tcp_port}/?key=secret"))
    await pool.close()
    assert len(lost.slept) == 2
    assert "secret" not in str(caught.value)


async def test_a_name_that_does_not_exist_is_said_to_be_so(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "not known")  # no name server is asked in a test

    monkeypatch.setattr(socket, "getaddrinfo", find)
    with pytest.raises(NotSentError, match=r"The name udib\.invalid was not found"):
        await sender.open(replace(sender.exchange, url="http://udib.invalid/"))


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://127.0.0.1:1/", "http://169.254.169.254/latest"])
async def test_a_private_address_is_refused(sender: Sender, url: str) -> None:
    with pytest.raises(ForbiddenError, match=r"allow it in net\.allow"):
        await sender.open(replace(sender.exchange, url=url))
    assert sender.slept == []


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://me:pw@a.example/", "a.example"])
async def test_an_address_that_is_none_is_refused(sender: Sender, url: str) -> None:
    with pytest.raises(BadRequestError):
        await sender.open(replace(sender.exchange, url=url))


async def test_a_redirect_is_given_and_not_followed(sender: Sender) -> None:
    sender.server.script(ScriptedReply(status=307, headers={"Location": "/v1/models"}))
    with await sender.open() as answer:
        assert answer.status == 307
    assert len(sender.server.seen()) == 1
