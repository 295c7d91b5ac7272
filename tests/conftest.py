"""What every test has: no network but loopback, no settings of the machine, a data directory of its own."""

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from udib.testing import postgres_process, redis_process
from udib.testing.postgres_process import PostgresProcess
from udib.testing.redis_process import RedisProcess

if TYPE_CHECKING:
    from pgserver.postgres_server import PostgresServer

# CI must not fail by chance: it replays the same examples; a developer's machine looks for new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _refuse_others(family: int, address: object) -> None:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    try:
        allowed = ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        allowed = host == "localhost"
    if not allowed:
        raise AssertionError(f"a test tried to reach {host}; only loopback is allowed")


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    def connect(self: socket.socket, address: object) -> None:
        _refuse_others(self.family, address)
        _connect(self, address)  # type: ignore[arg-type]

    def connect_ex(self: socket.socket, address: object) -> int:
        _refuse_others(self.family, address)
        return _connect_ex(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("UDIB_", "OPENROUTER_", "OPENAI_", "DISCORD_", "QDRANT_", "DATABASE_", "AWS_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """What a command configured is not there for the next test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that sets how many bytes the disk says are free."""

    def say(size_bytes: int) -> None:
        usage = shutil.disk_usage("/")._replace(free=size_bytes)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    return say


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The evaluation data, or a skip that says so."""
    found = os.environ.get("EVAL_DATA_DIR")
    if not found or not Path(found).is_dir():
        pytest.skip("EVAL_DATA_DIR is not set: the test on evaluation data was skipped")
    return Path(found)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator["PostgresServer"]:
    """A PostgreSQL server with pgvector, on a Unix socket in its data directory; or a skip that says so."""
    # Not in pytest's own folder, which every session of a user locks against all others: when root tests, the server
    # runs as a user of its own.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="udib-postgres-") as folder:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))  # pgserver warns where there is none
        try:
            from pgserver.postgres_server import get_server
        except ModuleNotFoundError:
            if os.environ.get("REQUIRE_SERVERS") == "1" and sys.version_info < (3, 13):
                raise
            pytest.skip("pgserver is not installed: the tests on PostgreSQL were skipped")
        server = get_server(Path(folder), cleanup_mode="stop")
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server
        server.ensure_postgres_running()  # a test may have started it anew: pgserver stops only the process it knows
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres: "PostgresServer") -> str:
    return str(postgres.get_uri())


@pytest.fixture(scope="session")
def redis_binary() -> None:
    """Skips, and says so, where there is no redis-server."""
    if not redis_process.is_installed():
        if os.environ.get("REQUIRE_SERVERS") == "1":
            raise FileNotFoundError("redis-server is not on PATH; install the package redis-server")
        pytest.skip("redis-server is not on PATH: the tests on Redis were skipped")


@pytest.fixture
def own_redis(redis_binary: None, tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of one test."""
    with redis_process.running(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis(redis_binary: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A server that tests share; each empties it first."""
    with redis_process.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_binary() -> None:
    """Skips, and says so, where there is no PostgreSQL to start."""
    if not postgres_process.is_installed():
        if os.environ.get("REQUIRE_SERVERS") == "1":
            raise FileNotFoundError("no PostgreSQL server is installed; install the package postgresql")
        pytest.skip("no PostgreSQL server is installed: the tests on one were skipped")


@pytest.fixture
def own_postgres(postgres_binary: None) -> Iterator[PostgresProcess]:
    """A server of one test, which may stop it."""
    with postgres_process.running() as server:
        yield server


@pytest.fixture(scope="session")
def shared_postgres(postgres_binary: None) -> Iterator[PostgresProcess]:
    """A server that tests share; each has a schema or a database of its own."""
    with postgres_process.running() as server:
        yield server


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """An S3 store on loopback, with the bucket `udib`. It takes any key until it is told not to."""
    import logging
    from urllib.request import Request, urlopen

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with urlopen(Request(f"http://{host}:{port}/udib", method="PUT")):
        pass
    yield f"http://{host}:{port}"
    server.stop()
