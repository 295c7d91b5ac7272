"""The store process: `python -m udib.memory.store_process FOLDER SOCKET LINGER_S`, started by the first client.

It owns the vector index of one data directory and serves every udib process on the machine. Engine calls run one at a
time on its only thread. Killed, it loses nothing that was acknowledged; what a power failure can take is what was
written in the last 2 seconds.
"""

import asyncio
import faulthandler
import fcntl
import logging
import logging.handlers
import os
import signal
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import msgspec

from udib.core.errors import Status, UdibError, UnavailableError
from udib.core.version import __version__
from udib.memory.store_folder import StoreFolder
from udib.memory.store_protocol import (
    PROTOCOL,
    Call,
    Collections,
    Copy,
    Count,
    Delete,
    Drop,
    Ensure,
    Facet,
    FrameError,
    Frames,
    Hello,
    Optimize,
    Ping,
    Remove,
    Reply,
    Request,
    Scroll,
    Search,
    Upsert,
    Usage,
    Welcome,
    frame,
    peer_uid,
)
from udib.storage.disk import disk_faults

FLUSH_EVERY_S: Final = 2.0
FIRST_CLIENT_WITHIN_S: Final = 2.0
LOG_BYTES: Final = 256 * 1024

_log = logging.getLogger("udib.store")


class StoreServer:
    """The collections and who is connected to them. `stopped` is set when it is time to end."""

    def __init__(self, folder: StoreFolder, linger_s: float) -> None:
        self.stopped = asyncio.Event()
        self._folder = folder
        self._linger_s = linger_s
        self._sessions: set[Session] = set()
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.call_later(max(linger_s, FIRST_CLIENT_WITHIN_S), self.stopped.set)
        self._flush: asyncio.TimerHandle | None = None

    def joined(self, session: "Session") -> None:
        """A client was accepted."""
        self._sessions.add(session)
        self._end.cancel()

    def left(self, session: "Session") -> None:
        """A client went. The last one's going starts the countdown."""
        if session in self._sessions:
            self._sessions.discard(session)
            if not self._sessions:
                self._end = self._loop.call_later(self._linger_s, self.stopped.set)

    def greet(self, hello: Hello) -> Welcome:
        """Whether a client fits. One of another version, if nobody else is here, gets a process of its own."""
        accepted = (hello.protocol, hello.udib) == (PROTOCOL, __version__)
        ending = not accepted and not self._sessions
        if ending:
            self.stopped.set()
        return Welcome(PROTOCOL, __version__, os.getpid(), accepted, ending)

    def answer(self, call: Call) -> Reply:
        """Do what a call asks for."""
        try:
            value = self._do(call.request)
        except UdibError as exc:
            _log.warning("%s refused: %s", type(call.request).__name__.lower(), exc)
            return Reply(call.number, _raw(None), exc.status.value, str(exc))
        return Reply(call.number, _raw(value))

    def _do(self, request: Request) -> object:
        value: object = None
        match request:
            case Search():
                value = self._folder.search(request)
            case Scroll():
                value = self._folder.scroll(request)
            case Facet():
                value = self._folder.facet(request)
            case Count():
                value = self._folder.count(request.collection, request.where)
            case Usage():
                value = self._folder.usage(request.collection, request.tenant)
            case Collections():
                value = self._folder.collections()
            case Copy():
                self._folder.copy_to(Path(request.folder))
            case Ping():
                value = self._folder.state()
            case _:
                self._flush_later()
                value = self._change(request)
        return value

    def _change(self, request: Upsert | Delete | Remove | Ensure | Drop | Optimize) -> object:
        value: object = None
        match request:
            case Upsert():
                self._folder.upsert(request)
            case Delete():
                value = self._folder.delete(request.collection, request.where)
            case Remove():
                value = self._folder.remove(request)
            case Ensure():
                self._folder.ensure(request.collection, request.model_id, request.dimension)
            case Drop():
                value = self._folder.drop(request.collection, request.expected)
            case Optimize():
                self._folder.optimize(request.collection)
        return value

    def _flush_later(self) -> None:
        if self._flush is None:
            self._flush = self._loop.call_later(FLUSH_EVERY_S, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        try:
            self._folder.flush()
        except UdibError:
            _log.exception("flush failed; it is tried again")
            self._flush_later()

    def close(self) -> None:
        """Send everybody away and bring everything to the disk."""
        for session in tuple(self._sessions):
            session.close()
        self._end.cancel()
        if self._flush is not None:
            self._flush.cancel()
        self._folder.close()


class Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: StoreServer) -> None:
        self._server = server
        self._frames = Frames()
        self._accepted = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look who it is: only the owner of the data is let in."""
        self._transport = cast("asyncio.Transport", transport)
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid != os.geteuid():
            _log.warning("user %d was turned away", uid)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every complete call; whoever sends nonsense is disconnected."""
        try:
            for body in self._frames.feed(data):
                self._take(body)
        except (FrameError, msgspec.DecodeError):
            _log.exception("a client sent what cannot be read")
            self.close()

    def _take(self, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._accepted:
            reply = self._server.answer(msgspec.msgpack.decode(body, type=Call))
            self._transport.write(frame(reply))
            return
        welcome = self._server.greet(msgspec.msgpack.decode(body, type=Hello))
        self._transport.write(frame(welcome))
        self._accepted = welcome.accepted
        if self._accepted:
            self._server.joined(self)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client went, or was sent away."""
        self._server.left(self)

    def close(self) -> None:
        """End the connection after what was already written."""
        if self._transport is not None:
            self._transport.close()


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


@contextmanager
def owned(folder: Path) -> Generator[int | None]:
    """The lock of a directory as a file descriptor; None when another process has it."""
    descriptor = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _free(socket_path: Path) -> None:
    """Remove a socket that was left, and see that its folder is there and ours alone: others may write beside it."""
    folder = socket_path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnavailableError(f"{folder} belongs to somebody else; remove it, or set another runtime directory.")
    folder.chmod(0o700)
    _remove(socket_path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def serve(folder: Path, socket_path: Path, linger_s: float, lock: int) -> None:
    """Serve until nobody has been connected for `linger_s` seconds, or SIGTERM. Says `ready` on standard output."""
    loop = asyncio.get_running_loop()
    server = StoreServer(StoreFolder.open(folder), linger_s)
    loop.add_signal_handler(signal.SIGTERM, server.stopped.set)
    with disk_faults(socket_path):
        _free(socket_path)
        listener = await loop.create_unix_server(lambda: Session(server), path=str(socket_path))
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(socket_path).encode(), 0)
    _log.info("serving, udib %s", __version__)
    _announce(Status.OK, "ready")
    try:
        await server.stopped.wait()
    finally:
        listener.close()
        _remove(socket_path)
        server.close()
        _log.info("ended")


def _announce(status: Status, message: str) -> None:
    """Tell the client that started this process, which waits for the end of the output, how it went."""
    os.write(1, f"{status.value} {message}\n".encode())
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)


def _log_to(path: Path) -> None:
    # A signal, such as the one that a write through a memory map gets on a full disk, leaves its trace there too.
    faulthandler.enable(path.open("a", encoding="utf-8"))
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _run(folder: Path, socket_path: Path, linger_s: float) -> None:
    try:
        with disk_faults(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with owned(folder) as lock:
                if lock is None:
                    _announce(Status.OK, "busy")
                    return
                _log_to(folder / "store.log")
                _serve_logged(folder, socket_path, linger_s, lock)
    except UdibError as exc:
        _announce(exc.status, str(exc))


def _serve_logged(folder: Path, socket_path: Path, linger_s: float, lock: int) -> None:
    try:
        asyncio.run(serve(folder, socket_path, linger_s, lock))
    except UdibError:
        _log.exception("ended with a failure")
        raise


def main(arguments: list[str]) -> None:
    """Become a process of its own, whose parent is not the client, and serve."""
    folder, socket_path, linger_s = arguments
    if os.fork() > 0:
        return
    os.umask(0o077)
    os.chdir("/")
    _run(Path(folder), Path(socket_path), float(linger_s))


if __name__ == "__main__":
    main(sys.argv[1:])
