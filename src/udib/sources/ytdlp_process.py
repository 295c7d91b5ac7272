"""The parent's side of the yt-dlp child: start it, give it jobs, kill it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import msgspec

from udib.core.child import LENGTH_BYTES
from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.sources.ytdlp_protocol import MEMORY_EXIT, Fetched, FetchOrder, Setup, pack

_LONGEST_COMPLAINT = 20_000
# The last line of a traceback; what an interpreter that breaks off writes below it says nothing to anybody.
_ERROR = re.compile(r"^[a-zA-Z_][\w.]*(?:Error|Exception)\b.*$", re.MULTILINE)
_WORKER = "udib.sources.ytdlp_worker"


class WorkerProcess:
    """One child. It takes one job at a time; after a failed exchange it can only be killed."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: BinaryIO) -> None:
        self._process = process
        self._complaints = complaints

    @classmethod
    async def start(cls, setup: Setup) -> "WorkerProcess":
        """Start a child; it is ready about 0.6 s of processor time later, and takes a job at once.

        It gets nothing of this process's environment but where modules lie and the home directory (for the user's
        yt-dlp plugins): keys are none of its business, and proxies would lead around the guard.
        """
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `kill`
        environment = {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONUTF8": "1",
            "HOME": str(Path.home()),
            "PATH": os.devnull,  # no program is found by name
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _WORKER),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=complaints,
                env=environment,
                start_new_session=True,  # Ctrl-C is the parent's to handle; a kill reaches the child's children too
            )
        except OSError as exc:
            complaints.close()
            raise UnavailableError(f"The download process cannot be started: {exc.strerror}.") from exc
        worker = cls(process, complaints)
        worker._write(pack(setup))
        return worker

    @property
    def alive(self) -> bool:
        """Whether the child still runs, as far as is known."""
        return self._process.returncode is None

    async def ask(self, job: FetchOrder) -> Fetched:
        """Do one job.

        Raises:
            BadRequestError: The job reached the limit of memory or processor time.
            UnavailableError: The child ended for another reason.
        """
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it is a pipe
        self._write(pack(job))
        try:
            length = int.from_bytes(await stdout.readexactly(LENGTH_BYTES), "big")
            body = await stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise self._ended(await self._process.wait(), job) from exc
        return msgspec.json.decode(body, type=Fetched)

    async def kill(self) -> None:
        """End the child and whatever it started."""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        await self._process.wait()
        self._complaints.close()

    def _write(self, data: bytes) -> None:
        # Messages are far smaller than the pipe's buffer, so there is nothing to drain.
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(data)

    def _ended(self, code: int, job: FetchOrder) -> UdibError:
        if code == MEMORY_EXIT:
            return BadRequestError("This address needs more memory than a download may use; it cannot be read.")
        if code == -signal.SIGXCPU:
            return BadRequestError(f"This address needed more than {job.cpu_s} s of processor time; it cannot be read.")
        self._complaints.seek(0)
        told = _ERROR.findall(self._complaints.read()[-_LONGEST_COMPLAINT:].decode(errors="replace"))
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        reason = f"{told[-1].rstrip('.')}; " if told else ""
        return UnavailableError(f"The download process ended unexpectedly, {how}: {reason}try again.")
