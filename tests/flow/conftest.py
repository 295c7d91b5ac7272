"""What flow tests with a model share: a scripted server of chat completions."""

from collections.abc import Iterator

import pytest

from udib.testing.chat_server import ChatServer, chat_server


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that answers what a test scripts for it."""
    with chat_server() as running:
        yield running
