"""The pool and the requests against a scripted server on loopback."""

import asyncio
import email.utils
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import HTTPResponse, RetryPolicy, parse_retry_after, resilient_get, resilient_post

NOW = 1_800_000_000.0


class Script:
    """A server that answers with what it is told, in order, the last answer again and again."""

    def __init__(self) -> None:
        self.answers: list[web.Response | str] = []
        self.seen: list[web.Request] = []
        self.slept: list[float] = []
        self.url = ""
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        await request.read()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "break":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if answer == "slow":
            await asyncio.sleep(5)
        assert isinstance(answer, web.Response)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def retry(self, attempts: int = 3) -> RetryPolicy:
        return RetryPolicy(max_attempts=attempts, rng=Random(7), sleep=self.sleep, clock=lambda: NOW)


@pytest.fixture
async def server() -> AsyncIterator[Script]:
    script = Script()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{tail:.*}", script.handle)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    assert running.port is not None
    script.port, script.url = running.port, str(running.make_url("/x"))
    yield script
    await running.close()


@pytest.fixture
async def pool(server: Script) -> AsyncIterator[HTTPConnectionPool]:
    pool = HTTPConnectionPool(guard=AddressGuard({f"127.0.0.1:{server.port}"}))
    yield pool
    await pool.close()


def status(code: int, **headers: str) -> web.Response:
    return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_the_answer_is_whole(server: Script, pool: HTTPConnectionPool) -> None:
    server.answers = [web.Response(body=b"hello", headers={"X-Tag": "1"})]
    response = await resilient_get(pool, server.url, retry=server.retry(), headers={"Accept": "text/plain"})
    assert (response.status, response.body, response.url) == (200, b"hello", server.url)
    assert response.headers["x-tag"] == "1"
    assert server.seen[0].headers["Accept"] == "text/plain"


@pytest.mark.parametrize("code", [429, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(server: Script, pool: HTTPConnectionPool, code: int) -> None:
    server.answers = [status(code), status(code), web.Response(body=b"ok")]
    assert (await resilient_get(pool, server.url, retry=server.retry())).body == b"ok"
    assert len(server.slept) == 2
    assert 0.25 <= server.slept[0] <= 0.5 <= server.slept[1] <= 1.0


async def test_a_broken_connection_is_tried_again(server: Script, pool: HTTPConnectionPool) -> None:
    server.answers = ["break", web.Response(body=b"ok")]
    assert (await resilient_get(pool, server.url, retry=server.retry())).body == b"ok"


@pytest.mark.parametrize(
    ("code", "error", "requests"),
    [
        (400, BadRequestError, 1),
        (401, ForbiddenError, 1),
        (403, ForbiddenError, 1),
        (404, BadRequestError, 1),
        (410, BadRequestError, 1),
        (418, BadRequestError, 1),
        (429, NotSentError, 3),
        (500, UnavailableError, 1),
        (503, UnavailableError, 3),
    ],
)
async def test_a_status_becomes_what_the_caller_may_do(
    server: Script, pool: HTTPConnectionPool, code: int, error: type[UdibError], requests: int
) -> None:
    server.answers = [status(code)]
    with pytest.raises(error) as caught:
        await resilient_get(pool, f"{server.url}?key=secret", retry=server.retry())
    assert type(caught.value) is error
    assert len(server.seen) == requests
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "waited"),
    [("3", 3.0), ("0.25", 0.25), ("100000", 60.0), (email.utils.formatdate(NOW + 9, usegmt=True), 9.0)],
)
async def test_retry_after_is_honoured_up_to_the_cap(
    server: Script, pool: HTTPConnectionPool, header: str, waited: float
) -> None:
    server.answers = [status(429, Retry_After=header), web.Response(body=b"ok")]
    await resilient_get(pool, server.url, retry=server.retry())
    assert server.slept == [waited]


async def test_a_body_over_the_cap_is_refused(server: Script, pool: HTTPConnectionPool) -> None:
    server.answers = [web.Response(body=b"x" * 300_000)]
    with pytest.raises(BadRequestError, match="longer than 200,000 bytes"):
        await resilient_get(pool, server.url, retry=server.retry(), max_bytes=200_000)


async def test_a_redirect_is_followed_and_its_goal_named(server: Script, pool: HTTPConnectionPool) -> None:
    server.answers = [status(302, Location="/y"), web.Response(body=b"moved")]
    response = await resilient_get(pool, server.url, retry=server.retry())
    assert response.body == b"moved"
    assert response.url.endswith("/y")


@pytest.mark.parametrize(
    "goal", ["http://127.0.0.1:1/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::ffff:7f00:1]:1/"]
)
async def test_a_redirect_to_a_private_address_is_refused(server: Script, pool: HTTPConnectionPool, goal: str) -> None:
    server.answers = [status(302, Location=goal)]
    with pytest.raises(ForbiddenError, match=r"allow it in net\.allow"):
        await resilient_get(pool, server.url, retry=server.retry())
    assert server.slept == []


@pytest.mark.parametrize("goal", ["file:///etc/passwd", "ftp://example.org/"])
async def test_a_redirect_out_of_the_web_is_refused(server: Script, pool: HTTPConnectionPool, goal: str) -> None:
    server.answers = [status(302, Location=goal)]
    with pytest.raises(BadRequestError):
        await resilient_get(pool, server.url, retry=server.retry())


async def test_a_name_of_a_private_address_is_refused(server: Script) -> None:
    pool = HTTPConnectionPool()
    with pytest.raises(ForbiddenError, match="localhost points to a private address"):
        await resilient_get(pool, f"http://localhost:{server.port}/", retry=server.retry())
    await pool.close()
    assert server.seen == []


async def test_an_allowed_name_is_reached(server: Script) -> None:
    server.answers = [web.Response(body=b"mine")]
    pool = HTTPConnectionPool(guard=AddressGuard({f"localhost:{server.port}"}))
    response = await resilient_get(pool, f"http://localhost:{server.port}/", retry=server.retry())
    await pool.close()
    assert response.body == b"mine"


async def test_a_slow_answer_ends_at_the_timeout(server: Script) -> None:
    server.answers = ["slow"]
    guard = AddressGuard({f"127.0.0.1:{server.port}"})
    pool = HTTPConnectionPool(timeout=aiohttp.ClientTimeout(total=0.1), guard=guard)
    with pytest.raises(UnavailableError, match="did not answer in time"):
        await resilient_get(pool, server.url, retry=server.retry(attempts=2))
    await pool.close()
    assert len(server.slept) == 1


async def test_a_post_goes_again_after_429_only(server: Script, pool: HTTPConnectionPool) -> None:
    server.answers = [status(429, Retry_After="1"), status(204)]
    response = await resilient_post(pool, server.url, b"{}", retry=server.retry())
    assert (response.status, len(server.seen)) == (204, 2)


@pytest.mark.parametrize("answer", ["break", status(503), status(302, Location="/y")])
async def test_a_post_that_may_have_arrived_is_not_repeated(
    server: Script, pool: HTTPConnectionPool, answer: web.Response | str
) -> None:
    server.answers = [answer]
    with pytest.raises(UdibError):
        await resilient_post(pool, server.url, b"{}", retry=server.retry())
    assert len(server.seen) == 1


async def post(pool: HTTPConnectionPool, url: str, *, retry: RetryPolicy) -> HTTPResponse:
    return await resilient_post(pool, url, b"{}", retry=retry)


@pytest.mark.parametrize("send", [resilient_get, post])
async def test_a_refused_connection_is_tried_again(
    server: Script, unused_tcp_port: int, send: Callable[..., Awaitable[HTTPResponse]]
) -> None:
    pool = HTTPConnectionPool(guard=AddressGuard({f"127.0.0.1:{unused_tcp_port}"}))
    with pytest.raises(NotSentError, match="could not be reached"):
        await send(pool, f"http://127.0.0.1:{unused_tcp_port}/", retry=server.retry())
    await pool.close()
    assert len(server.slept) == 2


async def test_many_users_share_one_session(pool: HTTPConnectionPool) -> None:
    async def session() -> aiohttp.ClientSession:
        async with pool.get_session() as found:
            return found

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(session()) for _ in range(20)]
    assert len({task.result() for task in tasks}) == 1


async def test_a_closed_pool_says_so() -> None:
    pool = HTTPConnectionPool()
    async with pool.get_session() as session:
        pass
    await pool.close()
    await pool.close()
    assert session.closed
    with pytest.raises(RuntimeError, match="closed"):
        async with pool.get_session():
            pass


def test_a_pool_stays_in_its_event_loop() -> None:
    pool = HTTPConnectionPool()

    async def use() -> None:
        async with pool.get_session():
            pass

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(use())
        with pytest.raises(RuntimeError, match="another event loop"):
            second.run(use())
        first.run(pool.close())


@given(st.integers(1, 60), st.integers())
def test_waits_grow_and_stay_under_the_cap(attempt: int, seed: int) -> None:
    policy = RetryPolicy(rng=Random(seed))
    full = min(0.5 * 2.0 ** (attempt - 1), 60.0)
    assert full / 2 <= policy.wait_s(attempt) <= full


@given(st.text())
def test_any_retry_after_header_is_a_wait_or_nothing(header: str) -> None:
    waited = parse_retry_after(header, NOW)
    assert waited is None or waited >= 0


def test_a_date_that_has_passed_means_now() -> None:
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0


def test_the_shipped_settings_are_the_defaults() -> None:
    path = Path(__file__).parents[3] / "config" / "http.yaml"
    http = yaml.safe_load(path.read_text(encoding="utf-8"))["http"]
    policy = RetryPolicy()
    assert http["connection_pool"] == {"limit": 100, "limit_per_host": 30, "dns_cache_ttl": 300, "timeout": 30}
    assert http["retry"] == {
        "max_attempts": policy.max_attempts,
        "backoff_factor": policy.backoff_factor,
        "retryable_statuses": sorted(policy.retryable_statuses),
    }
