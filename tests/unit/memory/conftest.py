"""A directory for a store process, which must be gone when the test is over."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from udib.memory.store_client import is_owned


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "vectors"
    yield folder
    deadline = time.monotonic() + 10
    while is_owned(folder):
        assert time.monotonic() < deadline, "a store process outlived its test"
        time.sleep(0.02)
