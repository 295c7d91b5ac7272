"""A client for any endpoint that speaks OpenAI's chat completions.

OpenRouter, OpenAI, Ollama, vLLM, the server of llama.cpp and LM Studio do, each a little differently.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from urllib.parse import urlsplit

from udib.core.chat import ChatRequest, Completion, Purpose
from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.types import Health
from udib.llm.assembly import Assembly
from udib.llm.cards import ModelCard
from udib.llm.refusals import read_refusal, refusal_of
from udib.llm.sse import EventParser
from udib.llm.wire import UNREADABLE, Dialect, WireAnswer, chat_body, decode_answer
from udib.net.guard import check_address
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy, resilient_get
from udib.net.stream import Exchange, HTTPStream, open_post

T = TypeVar("T")

_DIALECTS: Final = {
    "api.openai.com": Dialect(max_tokens="max_completion_tokens"),
    "openrouter.ai": Dialect(billed_cost=True),
}
_STREAM_OVERHEAD: Final = 32
"""Bytes of a stream for each byte of its text: a token of four letters comes in an event of about 300 bytes."""
_DONE: Final = b"[DONE]"
_PING_S: Final = 5.0
_LAST_BYTES_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where models are asked, and how.

    Attributes:
        base_url: What "/chat/completions" is appended to, such as "http://localhost:11434/v1".
        key: The API key; empty: none is sent. It is in no text that this room makes.
        headers: Sent with every request beside the usual ones.
        dialect: Where it departs from the common form; None: as its host is known to.

    Raises:
        BadRequestError: The address is no http(s) address, or the key cannot be sent in a header.
    """

    base_url: str
    key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect | None = None

    def __post_init__(self) -> None:
        check_address(self.base_url)
        if urlsplit(self.base_url).query or urlsplit(self.base_url).fragment:
            raise BadRequestError(f"The base URL at {self.host} goes on after its path; end it before ? and #.")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        if not (self.key.isascii() and self.key.isprintable()) or " " in self.key:
            raise BadRequestError(f"The API key of {self.host} holds a blank or a sign that no key has; copy it again.")

    @property
    def host(self) -> str:
        """Host and port, if one is named, for sentences."""
        return urlsplit(self.base_url).netloc

    @property
    def spoken(self) -> Dialect:
        """The dialect that is named, or the host's."""
        return self.dialect or _DIALECTS.get(urlsplit(self.base_url).hostname or "", Dialect())

    def sent_headers(self) -> dict[str, str]:
        """The headers of every request, with the key."""
        return {**self.headers, **({"Authorization": f"Bearer {self.key}"} if self.key else {})}


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Bounds of one call.

    Attributes:
        connect_s: Longest time until a connection is made.
        first_token_s: Of a stream, longest time until the model begins, and longest silence thereafter.
        total_s: Longest time of the whole call, retries included, unless its purpose sets another.
        max_answer_bytes: Longest answer.
    """

    connect_s: float = 10.0
    first_token_s: float = 60.0
    total_s: float = 300.0
    max_answer_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request on its way. `began` and `deadline` are the event loop's times."""

    model: str
    exchange: Exchange
    began: float
    total_s: float

    @property
    def deadline(self) -> float:
        return self.began + self.total_s


class OpenAICompatibleClient:
    """The `ChatModel` of one endpoint.

    A request is made again when no connection was made, when it broke off before an answer began, and when the endpoint
    says that it is busy or has a fault (408, 409, 425, 429, 5xx): a chat has no effect but its bill, and such an answer
    is not billed; what may be is told (`Completion.lost`). Once an answer has begun, or after a silence, nothing is
    repeated: it may be billed, and whether to pay again, and whom, is the caller's decision.

    Args:
        pool: Whose connections are used.
        endpoint: Whom they go to.
        cards: What is known of the models, by name; prices are taken from here where no bill is given.
        retry: How often and after which waits; which statuses, is said above.
        limits: Bounds of one call.
    """

    __slots__ = ("_cards", "_dialect", "_endpoint", "_headers", "_limits", "_pool", "_retry", "_url")

    def __init__(
        self,
        pool: HTTPConnectionPool,
        endpoint: ModelEndpoint,
        *,
        cards: Mapping[str, ModelCard] | None = None,
        retry: RetryPolicy | None = None,
        limits: ChatLimits | None = None,
    ) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._cards = cards or {}
        self._retry = retry or RetryPolicy()
        self._limits = limits or ChatLimits()
        self._dialect = endpoint.spoken
        self._headers = endpoint.sent_headers() | {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # a compressed stream comes late
        }
        self._url = f"{endpoint.base_url}/chat/completions"

    @property
    def provider(self) -> str:
        """Who answers: a part of every cache key."""
        return self._endpoint.base_url

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer; errors are the port's."""
        asked = self._ask(request, purpose, stream=False)
        said, answer = await self._in_time(self._whole(asked), asked, asked.deadline)
        assembly = self._assembly()
        assembly.add(self._piece(said, asked, answer.attempts))
        return self._completion(assembly, asked, answer)

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncGenerator[str | Completion]:
        """The answer's text in pieces, at last the whole; errors are the port's, also between pieces."""
        asked = self._ask(request, purpose, stream=True)
        with await self._in_time(self._open(asked), asked, asked.deadline) as answer:
            assembly, done = self._assembly(), False
            async with aclosing(self._events(answer, asked, assembly)) as events:
                async for data in events:
                    done = data == _DONE
                    if not done and (text := assembly.add(self._further(data, asked, answer.attempts, assembly))):
                        yield text
            if not done and not assembly.finished:
                raise UnavailableError(f"{self._endpoint.host} broke its answer off; try again.")
            yield self._completion(assembly, asked, answer)
            await _drain(answer)

    async def ping(self) -> Health:
        """Whether the endpoint lists its models, which costs nothing."""
        host = self._endpoint.host
        once = replace(self._retry, max_attempts=1)
        try:
            async with asyncio.timeout(_PING_S):
                await resilient_get(self._pool, f"{self._endpoint.base_url}/models", retry=once, headers=self._headers)
        except TimeoutError:
            return Health("model", ok=False, detail=f"{host} does not answer", remedy="look whether it is running")
        except UdibError as exc:
            return Health("model", ok=False, detail=str(exc), remedy="look at the base URL, the key and the network")
        return Health("model", ok=True, detail=f"{host} answers")

    def _ask(self, request: ChatRequest, purpose: Purpose, *, stream: bool) -> _Asked:
        limits, model = self._limits, request.model
        if model is None:
            raise BadRequestError(f"The request to {self._endpoint.host} names no model; name one, or ask the router.")
        exchange = Exchange(
            self._url,
            chat_body(request, model, self._dialect, stream=stream),
            self._headers,
            max_bytes=limits.max_answer_bytes * (_STREAM_OVERHEAD if stream else 1),
            connect_s=limits.connect_s,
            silence_s=limits.first_token_s if stream else None,
        )
        total_s = limits.total_s if purpose.deadline_s is None else purpose.deadline_s
        if total_s <= 0:
            raise UnavailableError(f"No time is left to ask {self._endpoint.host}; allow it more.")
        return _Asked(model, exchange, asyncio.get_running_loop().time(), total_s)

    async def _open(self, asked: _Asked) -> HTTPStream:
        answer = await open_post(
            self._pool, asked.exchange, retry=self._retry, deadline=asked.deadline, passing=self._passing
        )
        if answer.status >= 300:
            answer.close()
            refusal = read_refusal(answer.status, answer.refusal, self._endpoint.key)
            error = refusal.error(self._endpoint.host, asked.model, answer.attempts)
            raise UnavailableError(str(error)) if answer.lost else error  # an attempt before it may be billed
        return answer

    def _passing(self, answer: HTTPStream) -> bool:
        return read_refusal(answer.status, answer.refusal, self._endpoint.key).passing

    async def _whole(self, asked: _Asked) -> tuple[bytes, HTTPStream]:
        """The body of the answer, and what it came with."""
        with await self._open(asked) as answer:
            return await answer.read(), answer

    async def _events(self, answer: HTTPStream, asked: _Asked, assembly: Assembly) -> AsyncGenerator[bytes]:
        """The data of the events, up to the last; of a server that knows no streams, the whole answer as one."""
        if "json" in answer.headers.get("content-type", ""):
            yield await self._in_time(answer.read(self._limits.max_answer_bytes), asked, asked.deadline)
            yield _DONE
            return
        parser = EventParser()
        first = min(asyncio.get_running_loop().time() + self._limits.first_token_s, asked.deadline)
        while chunk := await self._in_time(answer.chunk(), asked, asked.deadline if assembly.begun else first):
            for data in parser.feed(chunk):
                yield data
                if data == _DONE:
                    return
            if parser.held_bytes > (longest := self._limits.max_answer_bytes):
                raise UnavailableError(
                    f"{self._endpoint.host} sends an event longer than {longest:,} bytes; try again."
                )

    async def _in_time(self, work: Awaitable[T], asked: _Asked, until: float) -> T:
        """What a part of a call gives, or the sentence for the time limit that it passed."""
        try:
            async with asyncio.timeout_at(until):
                return await work
        except TimeoutError as exc:
            what = f"gave no whole answer within {asked.total_s:g} s"
            if until < asked.deadline:
                what = f"did not begin to answer within {self._limits.first_token_s:g} s"
            raise UnavailableError(
                f"{self._endpoint.host} {what}; allow it more time, or choose a faster model."
            ) from exc

    def _piece(self, data: bytes, asked: _Asked, attempts: int) -> WireAnswer:
        """What an answer's body or an event holds; an error in it is raised."""
        host = self._endpoint.host
        try:
            piece = decode_answer(data)
        except UNREADABLE as exc:
            what = f"{host} gave an answer that is no chat completion ({exc})"
            raise UnavailableError(f"{what}; look at the base URL, it often ends in /v1.") from exc
        error = piece.error or next((choice.error for choice in piece.choices or () if choice.error), None)
        if error:
            raise refusal_of(200, {"error": error}, self._endpoint.key).error(host, asked.model, attempts)
        return piece

    def _further(self, data: bytes, asked: _Asked, attempts: int, assembly: Assembly) -> WireAnswer:
        """A piece of a stream. What has begun may be billed, so an error then is none that says that nothing was."""
        try:
            return self._piece(data, asked, attempts)
        except (BadRequestError, ForbiddenError, NotSentError) as exc:
            if assembly.begun:
                raise UnavailableError(str(exc)) from exc
            raise

    def _assembly(self) -> Assembly:
        longest = self._limits.max_answer_bytes
        return Assembly(self._endpoint.host, longest, tells_bills=self._dialect.billed_cost)

    def _completion(self, assembly: Assembly, asked: _Asked, answer: HTTPStream) -> Completion:
        latency_ms = 1000 * (asyncio.get_running_loop().time() - asked.began)
        card = self._cards.get(asked.model)
        whole = assembly.completion(
            asked.model, asked.exchange.body, card, latency_ms=latency_ms, attempts=answer.attempts
        )
        return replace(whole, lost=answer.lost) if answer.lost else whole


async def _drain(answer: HTTPStream) -> None:
    """Read what follows the last event, a few bytes as a rule, so that the connection can be used again."""
    with suppress(TimeoutError, UnavailableError):
        async with asyncio.timeout(_LAST_BYTES_S):
            while await answer.chunk():
                pass
