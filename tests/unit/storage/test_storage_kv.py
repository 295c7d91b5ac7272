"""Namespaces of the key-value stores, and what they leave behind."""

import sqlite3
from functools import reduce
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from udib.storage.database import Database
from udib.storage.kv import SCHEMA, MemoryKeyValueStore, SqliteKeyValueStore, nested

# Digits and colons are what the lengths are written with.
names = st.lists(st.text(alphabet="1:a\x00\u00e9", max_size=4) | st.text(max_size=12), max_size=4)


@given(names, names)
def test_namespaces_of_different_paths_never_meet(one: list[str], other: list[str]) -> None:
    assert (reduce(nested, one, "") == reduce(nested, other, "")) == (one == other)


async def test_expired_entries_leave_the_file_with_the_next_write(tmp_path: Path) -> None:
    now = [0.0]
    database = Database(tmp_path / "cache.db", SCHEMA)
    store = SqliteKeyValueStore(database, lambda: now[0])

    def count(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])

    for number in range(10):
        await store.set(str(number), b"x", ttl_s=5)
    now[0] = 6.0
    await store.with_namespace("other").set("a", b"y")
    assert await database.read(count) == 1
    await database.close()


async def test_expired_entries_leave_memory_though_nobody_asks_for_them() -> None:
    now = [0.0]
    store = MemoryKeyValueStore(lambda: now[0])
    for number in range(10):
        await store.set(str(number), b"x", ttl_s=5)
    now[0] = 100.0
    await store.set("a", b"y")
    assert (await store.ping()).detail == "in memory, 1 entries"
