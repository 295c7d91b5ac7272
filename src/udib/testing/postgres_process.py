"""A PostgreSQL server of one's own, for tests and measurements: it can be killed, paused and started anew.

It is Debian's or whatever `pg_config` knows. PostgreSQL refuses to run as root: root runs it as another user.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

USER: Final = "udib"
_ACCOUNTS: Final = ("postgres", "nobody")
_DEBIAN: Final = Path("/usr/lib/postgresql")
_START_S: Final = 60.0
_STOP_S: Final = 60.0
_POLL_S: Final = 0.02
# What a crash of the machine would lose does not matter here: a crash of the server loses nothing all the same.
_OPTIONS: Final = {"fsync": "off", "listen_addresses": "127.0.0.1", "max_connections": "100", "shared_buffers": "16MB"}


@dataclass(slots=True)
class PostgresProcess:
    """A server on a port of this machine, on loopback and on a socket in `folder`, where its data lies too.

    Attributes:
        folder: Of the user that runs it; see `running`.
        port: On 127.0.0.1, and in the socket's name.
        password: Of the role `udib`, which may do everything; asked for on the port, not on the socket.
        options: Settings of the server, such as max_connections.
    """

    folder: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return self.address()

    def address(self, *, user: str = USER, password: str | None = None, database: str = "postgres") -> str:
        """A connection string of libpq."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    @property
    def socket_url(self) -> str:
        """Its address by the socket, where no password is asked for."""
        return f"postgresql://{USER}@/postgres?host={self.folder}&port={self.port}"

    def make(self) -> None:
        """Make an empty database cluster in the folder.

        Raises:
            RuntimeError: It cannot be made.
        """
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)  # the folder is closed to others
        command = [
            str(_binary("initdb")), "--pgdata", str(self.folder / "data"), "--username", USER, "--pwfile", str(secret),
            "--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
        ]  # fmt: skip
        done = subprocess.run(command, **self._as_user(), capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr.decode()}")
        secret.unlink()

    def start(self) -> None:
        """Start it and wait until it takes queries.

        Raises:
            RuntimeError: It does not.
        """
        options = {**_OPTIONS, "port": str(self.port), "unix_socket_directories": str(self.folder), **self.options}
        command = [str(_binary("postgres")), "-D", str(self.folder / "data")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        until = time.monotonic() + _START_S
        with (self.folder / "log").open("ab") as log:
            while time.monotonic() < until:
                process = subprocess.Popen(command, **self._as_user(), stdout=log, stderr=log)  # noqa: S603
                if self._is_ready(process, until):
                    self._process = process
                    return
                # Processes of one that was killed may still hold its memory for a moment.
                time.sleep(_POLL_S)
        raise RuntimeError(f"postgres takes no connections on port {self.port}: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it in good order; connections are cut."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(_STOP_S)

    def restart(self) -> None:
        """Stop it and start it on the same port, with the same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a crash would, with every process of its own."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGSTOP)  # so that it starts no others meanwhile
            for child in _children(process.pid):
                _send(child, signal.SIGKILL)
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Freeze it: connections stay, and nothing is answered."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            for child in _children(self._process.pid):
                _send(child, number)

    def _is_ready(self, process: subprocess.Popen[bytes], until: float) -> bool:
        command = [str(_binary("pg_isready")), "-q", "-h", str(self.folder), "-p", str(self.port)]
        while process.poll() is None and time.monotonic() < until:
            if subprocess.run(command, check=False).returncode == 0:  # noqa: S603
                return True
            time.sleep(_POLL_S)
        return False

    def _as_user(self) -> dict[str, Any]:
        account = _account()
        as_other = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return {"cwd": self.folder, **as_other}


def is_installed() -> bool:
    """Whether a server can be started on this machine."""
    return _folder() is not None


@contextmanager
def running(**options: str) -> Iterator[PostgresProcess]:
    """A server on a free port, with these settings, until the block ends. Its folder is a temporary one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    # Not in pytest's own folder, which is closed to the user that root runs the server as.
    with tempfile.TemporaryDirectory(prefix="udib-postgres-", ignore_cleanup_errors=True) as place:
        folder, account = Path(place), _account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = PostgresProcess(folder, port, options=options)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _account() -> pwd.struct_passwd | None:
    """Whom root runs the server as; None: this user is not root."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_ACCOUNTS)}")


def _folder() -> Path | None:
    """Where the newest of the server's programs lie."""
    debian = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if debian:
        return debian[-1].parent
    config = shutil.which("pg_config")
    told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout if config else ""  # noqa: S603
    beside = [Path(told.strip())] if told.strip() else []
    found = shutil.which("postgres")
    beside += [Path(found).parent] if found else []
    return next((folder for folder in beside if (folder / "initdb").exists()), None)


def _binary(name: str) -> Path:
    folder = _folder()
    if folder is None:
        raise RuntimeError("PostgreSQL is not installed; install the package postgresql")
    return folder / name


def _children(parent: int) -> list[int]:
    """The processes of a server, each of which is in a session of its own; none where there is no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
