"""A folder that can be closed to the tests' own process, also where they run as root."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_NOBODY = 65534


@pytest.fixture
def folder_and_seal() -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder, and a function after whose call nothing below it can be written until the test ends."""
    user = os.geteuid()
    # Not tmp_path: its parents are closed to the user that root turns into.
    folder = Path(tempfile.mkdtemp())

    def seal() -> None:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(_NOBODY)

    yield folder, seal
    os.seteuid(user)
    folder.chmod(0o700)
    shutil.rmtree(folder)
