"""A Redis server of one's own, for tests and measurements: it can be killed, paused and started anew."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BINARY: Final = "redis-server"
_START_S: Final = 20.0


@dataclass(slots=True)
class RedisProcess:
    """A server on a port of this machine that keeps nothing on disk. `folder` is where it runs."""

    port: int
    folder: Path
    password: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its address, with the password."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            RuntimeError: It does not.
        """
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        secret = ["--requirepass", self.password] if self.password else []
        self._process = subprocess.Popen([BINARY, *options, *secret], cwd=self.folder, stdout=subprocess.DEVNULL)  # noqa: S603
        until = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError(f"{BINARY} takes no connections on port {self.port}")

    def signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def is_installed() -> bool:
    """Whether a server can be started on this machine."""
    return shutil.which(BINARY) is not None


@contextmanager
def running(folder: Path) -> Iterator[RedisProcess]:
    """A server on a free port, until the block ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = RedisProcess(taken.getsockname()[1], folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
