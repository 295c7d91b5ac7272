"""A server of `qdrant_dialect.py` for a test, in a process of its own."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("qdrant_dialect.py")


class RunningServer:
    """Start it, make its next requests fail, see what it was asked, stop and start it again with its data."""

    def __init__(self, folder: Path, api_key: str | None = None) -> None:
        self.folder = folder
        self.api_key = api_key
        self.port = self.grpc_port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [str(self.folder), str(self.port), str(self.grpc_port), *([self.api_key] if self.api_key else [])]
        self._process = subprocess.Popen([sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port, self.grpc_port = json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """As a crash would: without a word to its clients."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def fail(self, *faults: dict[str, Any]) -> None:
        """Faults for the next requests; none: all is well again. Empties the log too."""
        request = urllib.request.Request(f"{self.url}/test/faults", json.dumps(faults).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def log(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/test/log") as answer:
            found: dict[str, Any] = json.load(answer)
        return found
