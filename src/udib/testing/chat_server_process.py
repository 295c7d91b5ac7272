"""The process of `udib.testing.chat_server`: orders come through stdin, chats through a socket on loopback."""

import asyncio
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from udib.core.chat import ToolCall
from udib.core.child import framed, read_body
from udib.testing.chat_server import ScriptedReply, SeenRequest

_CHATS: Final = "/v1/chat/completions"
_LONGEST_HEAD: Final = 2**16
_PIECES: Final = re.compile(r"\S+\s*|\s+")
_MODELS: Final = ScriptedReply(body=json.dumps({"object": "list", "data": [{"id": "test-model", "object": "model"}]}))
_Json = dict[str, Any]


class ScriptedServer:
    """Answers each request by the next reply of its script.

    Orders come in by another thread; each of its changes is one assignment.
    """

    def __init__(self) -> None:
        self.port = 0
        self._chats: list[ScriptedReply] = [ScriptedReply()]
        self._pages: dict[str, list[ScriptedReply]] = {"/v1/models": [_MODELS]}
        self._seen: list[SeenRequest] = []
        self._connections = 0

    def obey(self, what: str, *details: Any) -> object:  # noqa: ANN401 - JSON
        """Carry out an order; returns the answer."""
        match what:
            case "port":
                return self.port
            case "script":
                self._chats = [_reply(each) for each in details[0]]
            case "page":
                self._pages[details[0]] = [_reply(each) for each in details[1]]
            case "seen":
                seen, self._seen = self._seen, []
                return [asdict(each) for each in seen]
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._connections += 1
        number = self._connections
        try:
            while (request := await _read_request(reader, number)) is not None:
                self._seen.append(request)
                if not await _answer(self._reply_to(request), request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as a test of its time limits wants it to
        writer.close()

    def _reply_to(self, request: SeenRequest) -> ScriptedReply:
        path = request.path.partition("?")[0]
        replies = self._chats if (request.method, path) == ("POST", _CHATS) else self._pages.get(path)
        if not replies:
            return ScriptedReply(status=404, body=json.dumps({"error": {"message": "no such address", "code": 404}}))
        meant = next((each for each in replies if each.when is not None and each.when in request.body), None)
        if meant is not None:
            return meant
        others = [each for each in replies if each.when is None] or replies
        if len(others) > 1:
            replies.remove(others[0])
        return others[0]


def _reply(fields: _Json) -> ScriptedReply:
    calls = tuple(ToolCall(**call) for call in fields["tool_calls"])
    return ScriptedReply(**{**fields, "tool_calls": calls})


async def _read_request(reader: asyncio.StreamReader, connection: int) -> SeenRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return SeenRequest(method, path, headers, body.decode(), connection)


async def _answer(reply: ScriptedReply, request: SeenRequest, writer: asyncio.StreamWriter) -> bool:
    """Write the answer; returns whether the connection goes on."""
    if reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    if reply.fault == "hang":
        await asyncio.sleep(3600)
    if reply.fault in {"hang", "drop"}:
        return False
    asked: _Json = json.loads(request.body) if request.body else {}
    streams = reply.body is None and reply.status == 200 and asked.get("stream") is True
    parts = list(_events(reply, asked)) if streams else [_whole(reply, asked)]
    size = sum(map(len, parts))
    writer.write(_head(reply, streams=streams, size=size))
    written = 0
    for part in _cut(parts, reply.write_bytes):
        if reply.fault == "cut" and written + len(part) > size // 2:
            writer.write(part[: len(part) // 2] if not streams else b"")
            return False
        writer.write(b"%x\r\n%b\r\n" % (len(part), part) if streams else part)
        written += len(part)
        if reply.pause_s:
            await asyncio.sleep(reply.pause_s)
        await writer.drain()
    if streams:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _head(reply: ScriptedReply, *, streams: bool, size: int) -> bytes:
    length = {"Transfer-Encoding": "chunked"} if streams else {"Content-Length": str(size)}
    kind = {"Content-Type": "text/event-stream" if streams else "application/json"}
    lines = [f"{name}: {value}" for name, value in {**kind, **reply.headers, **length}.items()]
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Other"
    return "\r\n".join([f"HTTP/1.1 {reply.status} {phrase}", *lines, "", ""]).encode("latin-1")


def _cut(parts: list[bytes], size: int | None) -> Iterator[bytes]:
    if size is None:
        yield from parts
        return
    whole = b"".join(parts)
    yield from (whole[start : start + size] for start in range(0, len(whole), size))


def _whole(reply: ScriptedReply, asked: _Json) -> bytes:
    if reply.body is not None:
        return reply.body.encode(errors="surrogateescape")
    if reply.status != 200:
        return json.dumps({"error": {"message": f"scripted {reply.status}", "code": reply.status}}).encode()
    text = _text(reply, asked)
    message: _Json = {"role": "assistant", "content": text or None}
    if reply.tool_calls:
        message["tool_calls"] = [_call(call) for call in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    return json.dumps(_completion(asked, "chat.completion", [choice], _usage(reply, asked, text))).encode()


def _events(reply: ScriptedReply, asked: _Json) -> Iterator[bytes]:
    text = _text(reply, asked)
    deltas: list[_Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _PIECES.findall(text)]
    for number, call in enumerate(reply.tool_calls):
        half = len(call.arguments) // 2
        named = _call(ToolCall(call.id, call.name, call.arguments[:half]))
        deltas.append({"tool_calls": [{"index": number, **named}]})
        deltas.append({"tool_calls": [{"index": number, "function": {"arguments": call.arguments[half:]}}]})
    choices: list[_Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reply.finish})
    for choice in choices:
        yield _event(_completion(asked, "chat.completion.chunk", [choice], None))
    usage = _usage(reply, asked, text)
    if usage is not None and asked.get("stream_options", {}).get("include_usage"):
        yield _event(_completion(asked, "chat.completion.chunk", [], usage))
    yield b"data: [DONE]\n\n"


def _event(said: _Json) -> bytes:
    return b"data: %b\n\n" % json.dumps(said, ensure_ascii=False).encode()


def _completion(asked: _Json, kind: str, choices: list[_Json], usage: Mapping[str, Any] | None) -> _Json:
    said = {"id": "chatcmpl-1", "object": kind, "created": 0, "model": asked.get("model", ""), "choices": choices}
    return said if usage is None else {**said, "usage": usage}


def _call(call: ToolCall) -> _Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _text(reply: ScriptedReply, asked: _Json) -> str:
    if reply.text is not None:
        return reply.text
    return str(asked["messages"][-1]["content"])


def _usage(reply: ScriptedReply, asked: _Json, text: str) -> Mapping[str, Any] | None:
    if reply.usage is None or "counted" not in reply.usage:
        return reply.usage
    prompt = sum(len(str(message["content"]).split()) for message in asked.get("messages", ()))
    answer = len(text.split())
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _take_orders(server: ScriptedServer) -> None:
    while (order := read_body(sys.stdin.buffer)) is not None:
        sys.stdout.buffer.write(framed(json.dumps(server.obey(*json.loads(order))).encode()))
        sys.stdout.buffer.flush()
    os._exit(0)  # whoever started this is gone


async def main() -> None:
    """Serve until the one who gives the orders is gone."""
    server = ScriptedServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=_LONGEST_HEAD, backlog=512)
    server.port = listening.sockets[0].getsockname()[1]
    threading.Thread(target=_take_orders, args=(server,), daemon=True).start()
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
