"""The client's benchmark at a small size, without its peer: it measures what it says."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.llm import client
from benchmarks.llm.sizes import Sizes


def test_calls_and_streams_are_measured_beside_bare_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "peer_python", lambda _: None)
    monkeypatch.setattr(client, "ROUNDS", 1)
    figures = {name: value for name, value, _, _ in client.measure(Sizes(calls=40))}
    assert set(figures) == {
        "client_cpu_ms",
        "client_cpu_over_aiohttp",
        "client_stream_cpu_over_aiohttp",
        "client_calls_per_s",
    }
    assert all(value > 0 for value in figures.values())
