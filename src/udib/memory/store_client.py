"""The way to the store process: finds it, starts it when there is none, and calls it."""

import asyncio
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Final, TypeVar, cast

import msgspec

from udib.core.errors import ForbiddenError, Status, UnavailableError, error_for
from udib.core.version import __version__
from udib.memory.store_protocol import (
    PROTOCOL,
    Call,
    FrameError,
    Frames,
    Hello,
    Reply,
    Request,
    Welcome,
    frame,
    peer_uid,
)
from udib.storage.disk import disk_faults, full, is_full

LONGEST_SOCKET_PATH: Final = 103  # bytes; Linux takes 107, macOS 103
START_WITHIN_S: Final = 20.0
ANSWER_WITHIN_S: Final = 120.0  # a deletion rewrites the whole index
_POLL_S: Final = 0.02

T = TypeVar("T")


class ConnectionGoneError(Exception):
    """The process went away before it answered."""


class Connection(asyncio.Protocol):
    """A connection with calls under way; replies find their call by number."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._numbers = count()
        self._loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[Welcome | None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start of the connection; called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Give every complete reply to its call; called by asyncio."""
        try:
            for body in self._frames.feed(data):
                self._take(body)
        except (FrameError, msgspec.DecodeError):
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End of the connection; called by asyncio. All calls under way fail."""
        if self._transport is not None:
            self._transport.abort()
        if not self._lost.done():
            self._lost.set_result(None)
        if not self._welcome.done():
            self._welcome.set_result(None)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionGoneError())
        self._waiting.clear()

    def _take(self, body: bytes) -> None:
        if not self._welcome.done():
            self._welcome.set_result(msgspec.msgpack.decode(body, type=Welcome))
            return
        reply = msgspec.msgpack.decode(body, type=Reply)
        future = self._waiting.pop(reply.number, None)
        if future is not None and not future.done():
            future.set_result(reply)

    async def greet(self) -> Welcome | None:
        """Introduce ourselves; None when the process went away meanwhile."""
        if self._transport is not None:
            self._transport.write(frame(Hello(PROTOCOL, __version__)))
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await self._welcome

    async def call(self, request: Request) -> Reply:
        """Send a request and wait for its reply.

        Raises:
            ConnectionGoneError: The process went away.
            TimeoutError: No reply in time.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionGoneError
        number = next(self._numbers)
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[number] = future
        try:
            self._transport.write(frame(Call(number, request)))
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await future
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
            await asyncio.shield(self._lost)


class StoreClient:
    """Calls the store process of one directory. For one event loop.

    Args:
        folder: The directory of the index; made if it is missing.
        runtime_dir: Where the socket is to lie (`$XDG_RUNTIME_DIR/udib`); None, or too long a path: a private folder
            in the system's directory for temporary files.
        linger_s: How long a process that we start waits for another client after the last has gone.
    """

    __slots__ = ("_connecting", "_connection", "_folder", "_linger_s", "_socket")

    def __init__(self, folder: Path, runtime_dir: Path | None, linger_s: float) -> None:
        self._folder = folder.absolute()
        self._socket = socket_path(self._folder, runtime_dir)
        self._linger_s = linger_s
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def call(self, request: Request, answer: type[T]) -> T:
        """The answer to a request. Repeated once when the process dies: every request may be.

        Raises:
            UnavailableError: No process can be started or reached.
            UdibError: What the process says.
        """
        try:
            try:
                reply = await (await self._connected()).call(request)
            except ConnectionGoneError:
                reply = await (await self._connected()).call(request)
        except ConnectionGoneError as exc:
            if is_full(self._folder):
                raise full(self._folder) from exc
            log = self._folder / "store.log"
            raise UnavailableError(f"The store process of {self._folder} died twice in a row; {log} says why.") from exc
        except TimeoutError as exc:
            text = f"The store process of {self._folder} did not answer in {ANSWER_WITHIN_S:g} s. Try again."
            raise UnavailableError(text) from exc
        if reply.status != Status.OK:
            raise error_for(Status(reply.status), reply.error)
        return msgspec.msgpack.decode(reply.value, type=answer)

    async def close(self) -> None:
        """Leave. The process ends by itself when nobody else is there."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.alive:
                self._connection = await self._connect_or_start()
            return self._connection

    async def _connect_or_start(self) -> Connection:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_WITHIN_S
        while loop.time() < deadline:
            connection = await self._connect()
            if connection is not None:
                return connection
            if is_owned(self._folder):  # a process is starting or ending
                await asyncio.sleep(_POLL_S)
            else:
                await asyncio.to_thread(self._start)
        raise UnavailableError(
            f"The store process of {self._folder} could not be reached in {START_WITHIN_S:g} s; "
            f"{self._folder / 'store.log'} may say why."
        )

    async def _connect(self) -> Connection | None:
        address = _address(self._folder)
        if address is None:
            return None
        try:
            transport, connection = await asyncio.get_running_loop().create_unix_connection(Connection, address)
        except (OSError, ValueError):  # nobody serves there, or it is no path at all
            return None
        welcome = None
        try:
            if peer_uid(transport.get_extra_info("socket")) != os.geteuid():
                lock = self._folder / "store.lock"
                raise ForbiddenError(f"The socket {address} belongs to another user; remove {lock}.")
            welcome = await connection.greet()
        finally:
            if welcome is None or not welcome.accepted:
                transport.abort()
        if welcome is not None and welcome.accepted:
            return connection
        if welcome is not None and not welcome.ending:
            raise UnavailableError(
                f"The memory in {self._folder} is being used by udib {welcome.udib}, this is udib {__version__}: "
                f"close the other one (its store process is {welcome.pid}) and try again."
            )
        return None

    def _start(self) -> None:
        """Start a process and wait until it serves (about 0.3 s). Blocks.

        It tells how it went on its standard output and closes it; the process that we start ends at once, the one
        that serves is its child, so that it is nobody's zombie and outlives us.
        """
        command = [sys.executable, "-P", "-m", "udib.memory.store_process"]
        arguments = [str(self._folder), str(self._socket), str(self._linger_s)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module, our own arguments
                command + arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=START_WITHIN_S,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise UnavailableError(f"The store process of {self._folder} could not be started: {exc}.") from exc
        last = done.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        status, _, message = last.partition(" ")
        if status not in set(Status):
            raise UnavailableError(f"The store process of {self._folder} could not be started: {last}.")
        if status != Status.OK:
            raise error_for(Status(status), message)


def socket_path(folder: Path, runtime_dir: Path | None) -> Path:
    """Where the socket of a directory lies: a short path, however long the directory's is."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16] + ".sock"
    own = f"udib-{os.geteuid()}"
    places = [*([] if runtime_dir is None else [runtime_dir]), Path(tempfile.gettempdir()) / own]
    paths = (place.absolute() / name for place in places)
    short = (path for path in paths if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH)
    return next(short, Path("/tmp") / own / name)  # noqa: S108 - the process sees that the folder is ours alone


def _address(folder: Path) -> str | None:
    """The socket of the process that owns the directory. It may lie elsewhere than ours would: it says where."""
    with disk_faults(folder):
        try:
            return os.fsdecode((folder / "store.lock").read_bytes()) or None
        except FileNotFoundError:
            return None


def is_owned(folder: Path) -> bool:
    """Whether a store process holds the lock of a directory."""
    with disk_faults(folder):
        try:
            descriptor = os.open(folder / "store.lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
