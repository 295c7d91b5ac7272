"""A web server on loopback with a script: pages, answers of services, faults. It runs in a thread of the test."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """How requests for one path are answered; `repeated` sends the body so many times, without keeping it."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    repeated: int = 1


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request that arrived. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class WebServer:
    """The script, by path without query, and what was asked. What is not in the script is answered 404."""

    url: str
    answers: dict[str, WebAnswer] = field(default_factory=dict)
    seen: list[WebRequest] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """Host and port, as an exception of the address guard names them."""
        return urlsplit(self.url).netloc

    def asked(self, path: str) -> list[WebRequest]:
        """The requests for a path."""
        return [request for request in self.seen if request.path == path]


@contextmanager
def web_server() -> Generator[WebServer]:
    """A running server; it is gone when the block ends."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server = WebServer(f"http://127.0.0.1:{listener.server_port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.seen.append(WebRequest(self.command, parts.path, query, headers, body))
            answer = server.answers.get(parts.path, WebAnswer(b"nothing here", status=404))
            time.sleep(answer.delay_s)
            try:
                self._send(answer)
            except OSError:
                self.close_connection = True  # the client has gone, as one that reached its limit does

        do_POST = do_GET  # noqa: N815 - the library's name

        def _send(self, answer: WebAnswer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body) * answer.repeated))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for _ in range(answer.repeated):
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener.RequestHandlerClass = Handler
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
