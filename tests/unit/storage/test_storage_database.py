"""The shared SQLite file: its rights, versions, backups, and the sentences of its failures."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError, UnavailableError
from udib.storage.database import Database
from udib.storage.disk import TO_OPEN
from udib.storage.glance import LONGEST_S

FIRST = "CREATE TABLE notes (text TEXT);"
SECOND = """
    ALTER TABLE notes ADD COLUMN length INTEGER;
    -- a trigger has semicolons of its own
    CREATE TRIGGER measured AFTER INSERT ON notes BEGIN
        UPDATE notes SET length = length(new.text) WHERE rowid = new.rowid;
        UPDATE notes SET text = new.text || ';' WHERE rowid = new.rowid;
    END;
"""


def add(text: str) -> Callable[[sqlite3.Connection], None]:
    def insert(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    return insert


def texts(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "notes.db", [FIRST], busy_timeout_s=0.2)
    yield opened
    await opened.close()


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_nothing_is_made_before_the_first_use(database: Database, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []


async def test_the_file_is_in_wal_mode_and_closed_to_others(tmp_path: Path) -> None:
    database = Database(tmp_path / "new" / "notes.db", [FIRST])
    await database.run(add("x"))
    assert await database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    assert await database.read(lambda c: c.execute("PRAGMA secure_delete").fetchone()) == (1,)
    assert await database.read(lambda c: c.execute("PRAGMA foreign_keys").fetchone()) == (1,)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert modes == {"notes.db": 0o600, "notes.db-wal": 0o600, "notes.db-shm": 0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    await database.close()


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        add("half")(connection)
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await database.run(fails)
    assert await database.read(texts) == []


async def test_a_read_writes_nothing(database: Database) -> None:
    await database.read(add("x"))
    assert await database.read(texts) == []


async def test_the_loop_is_free_while_a_transaction_runs(database: Database) -> None:
    release = threading.Event()
    waiting = asyncio.create_task(database.run(lambda _: release.wait(1.5)))
    await asyncio.sleep(0)
    release.set()
    assert await waiting


async def test_close_can_be_repeated_and_leaves_one_file(database: Database, tmp_path: Path) -> None:
    await database.run(add("x"))
    await database.close()
    await database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


async def test_an_older_file_is_backed_up_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    old = Database(path, [FIRST])
    await old.run(add("before"))
    new = Database(path, [FIRST, SECOND])  # while the old one is still open
    await new.run(add("after"))
    assert await new.read(texts) == ["before", "after;"]
    backup = tmp_path / "notes.db.schema-1.bak"
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert texts(copy) == ["before"]
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    with pytest.raises(BadRequestError, match=r"written by a newer udib \(schema 2, this one knows 1\); update udib\."):
        await old.run(add("with the old schema"))
    await old.close()
    await new.close()


async def test_a_new_file_needs_no_backup(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.db", [FIRST, SECOND])
    await database.run(add("x"))
    await database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    old = Database(path, [FIRST])
    await old.run(add("before"))
    broken = Database(path, [FIRST, "CREATE TABLE more (x); CREATE TABLE notes (y);"])
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await broken.run(texts)
    assert await old.read(lambda c: c.execute("SELECT name FROM sqlite_master").fetchall()) == [("notes",)]
    await old.close()
    await broken.close()


async def test_a_newer_file_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 9")
    before = path.read_bytes()
    database = Database(path, [FIRST])
    with pytest.raises(BadRequestError, match=r"notes\.db was written by a newer udib \(schema 9, this one knows 1\)"):
        await database.read(texts)
    health = await database.ping("catalogue")
    assert (health.ok, health.remedy) == (False, "update udib.")
    assert path.read_bytes() == before
    await database.close()


@pytest.mark.parametrize(
    "damage",
    [lambda raw: b"no database at all" * 500, lambda raw: raw[:100] + b"\xff" * (len(raw) - 100)],
    ids=["not a database", "malformed"],
)
async def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "notes.db"
    database = Database(path, [FIRST])
    await database.run(add("x" * 9000))
    await database.close()
    path.write_bytes(damage(path.read_bytes()))
    database = Database(path, [FIRST])
    with pytest.raises(UnavailableError, match=r"notes\.db is damaged .*; move it aside .*mv notes\.db notes\.db\.dam"):
        await database.read(texts)
    path.rename(tmp_path / "notes.db.damaged")
    assert await database.read(texts) == []
    await database.close()


async def test_a_busy_file_is_reported_after_the_wait_and_works_later(database: Database) -> None:
    await database.run(add("x"))
    with held_by_another(database.path):
        with pytest.raises(UnavailableError, match=r"in use by another udib process; try again"):
            await database.run(add("y"))
        assert await database.read(texts) == ["x"]
    await database.run(add("z"))
    assert await database.read(texts) == ["x", "z"]


async def test_a_new_file_that_another_process_holds_is_reported(database: Database) -> None:
    with (
        held_by_another(database.path),
        pytest.raises(UnavailableError, match=r"in use by another udib process"),
    ):
        await database.run(add("y"))


async def test_a_new_file_that_another_process_holds_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.db", [FIRST], busy_timeout_s=1.5)
    with held_by_another(database.path):
        adding = asyncio.create_task(database.run(add("x")))
        await asyncio.sleep(0.1)
        assert not adding.done()
    await adding
    await database.close()


async def test_a_file_that_is_damaged_while_open_can_be_moved_aside(database: Database) -> None:
    await database.run(add("x" * 100_000))
    await database.vacuum()
    await database.run(lambda c: c.execute("PRAGMA shrink_memory").fetchall())
    database.path.write_bytes(b"\xff" * database.path.stat().st_size)
    with pytest.raises(UnavailableError, match="is damaged"):
        await database.read(texts)
    database.path.rename(database.path.with_name("notes.db.damaged"))
    assert await database.read(texts) == []


@pytest.mark.parametrize("aside", [True, False])
async def test_a_file_that_is_taken_away_while_open_is_made_anew_for_all_who_use_it(
    database: Database, *, aside: bool
) -> None:
    await database.run(add("lost"))
    for end in ("-wal", "-shm", ""):
        file = database.path.with_name(database.path.name + end)
        if aside:
            file.rename(f"{file}.aside")
        else:
            file.unlink()
    other = Database(database.path, [FIRST])
    await other.run(add("one"))
    await database.run(add("two"))
    assert await database.read(texts) == await other.read(texts) == ["one", "two"]
    await other.close()


async def test_a_full_disk_is_reported_and_nothing_is_half_stored(database: Database) -> None:
    await database.run(lambda c: c.execute("PRAGMA max_page_count = 3").fetchall())

    def many(connection: sqlite3.Connection) -> None:
        for number in range(200):
            add(f"{number}" * 500)(connection)

    with pytest.raises(UnavailableError, match=r"The disk that holds .*notes\.db is full; free some space"):
        await database.run(many)
    assert await database.read(texts) == []


async def test_a_file_larger_than_the_process_may_write_is_reported(tmp_path: Path) -> None:
    code = """
import asyncio, resource, sys
from pathlib import Path
from udib.core.errors import UnavailableError
from udib.storage.database import Database
async def main():
    database = Database(Path(sys.argv[1]), ["CREATE TABLE notes (text TEXT);"])
    await database.run(lambda c: None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await database.run(lambda c: c.execute("INSERT INTO notes VALUES (hex(zeroblob(1000000)))").rowcount)
    except UnavailableError as exc:
        print(exc)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(await database.run(lambda c: c.execute("SELECT count(*) FROM notes").fetchone()))
    await database.close()
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "notes.db")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    sentence, rows = done.stdout.splitlines()
    assert "notes.db cannot be used (disk I/O error, SQLITE_IOERR_WRITE); check the disk" in sentence
    assert rows == "(0,)"


async def test_a_new_file_in_a_folder_without_rights(folder_and_seal: tuple[Path, Callable[[], None]]) -> None:
    folder, seal = folder_and_seal
    seal()
    database = Database(folder / "notes.db", [FIRST])
    with pytest.raises(UnavailableError, match=r"notes\.db cannot be written; make it and its folder writable"):
        await database.run(add("x"))
    await database.close()


async def test_an_existing_file_without_rights(folder_and_seal: tuple[Path, Callable[[], None]]) -> None:
    folder, seal = folder_and_seal
    database = Database(folder / "notes.db", [FIRST])
    await database.run(add("x"))
    await database.close()
    seal()
    database = Database(folder / "notes.db", [FIRST])
    with pytest.raises(UnavailableError, match=r"notes\.db cannot be written"):
        await database.run(add("y"))
    health = await database.ping("catalogue")
    assert not health.ok
    assert health.remedy.startswith("make it and its folder writable")
    await database.close()


async def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    database = Database(tmp_path / "data" / "notes.db", [FIRST])
    with pytest.raises(UnavailableError, match=r"notes\.db cannot be used \(.*\); check the disk and the folder"):
        await database.run(texts)
    await database.close()


async def test_an_error_in_sql_is_a_bug_and_passes(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.run(lambda c: c.execute("SELECT * FROM nowhere").fetchall())


async def test_vacuum_removes_backups_and_empties_the_wal(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    old = Database(path, [FIRST])
    await old.run(add("a secret word"))
    await old.close()
    new = Database(path, [FIRST, SECOND])
    await new.run(lambda c: c.execute("DELETE FROM notes").rowcount)
    await new.vacuum()
    assert {p.name: b"secret" in p.read_bytes() for p in tmp_path.iterdir()} == {
        "notes.db": False,
        "notes.db-wal": False,
        "notes.db-shm": False,
    }
    await new.close()


async def test_vacuum_removes_what_was_deleted_without_being_overwritten(database: Database) -> None:
    await database.run(add("a secret word"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("DELETE FROM notes")
        careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"secret" in database.path.read_bytes()
    await database.vacuum()
    assert b"secret" not in database.path.read_bytes()


async def test_vacuum_says_when_a_reader_keeps_the_old_state(database: Database) -> None:
    await database.run(add("x"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert texts(reader) == ["x"]
        await database.run(lambda c: c.execute("DELETE FROM notes").rowcount)
        with pytest.raises(UnavailableError, match="try again"):
            await database.vacuum()
    await database.vacuum()


async def test_without_room_a_file_is_not_even_opened(
    database: Database, tmp_path: Path, free: Callable[[int], None]
) -> None:
    free(100_000)
    with pytest.raises(UnavailableError, match=r"notes\.db is full \(0\.1 MB are free, 1\.0 MB are needed\)"):
        await database.read(texts)
    assert list(tmp_path.iterdir()) == []
    free(10_000_000)
    assert await database.read(texts) == []


async def test_what_cannot_be_rewritten_for_want_of_room_is_said_and_done_later(
    tmp_path: Path, free: Callable[[int], None]
) -> None:
    path = tmp_path / "notes.db"
    database = Database(path, [FIRST])
    await database.run(add("a secret word " * 9000))
    await database.run(lambda c: c.execute("DELETE FROM notes").rowcount)
    free(TO_OPEN)
    with pytest.raises(UnavailableError, match=r"may still hold bytes of deleted words.*; free some space"):
        await database.vacuum()
    assert path.stat().st_size < 60_000, "the space of what was deleted is given back all the same"
    health = await database.ping("catalogue")
    assert (health.ok, health.remedy) == (False, "free some space, and the next udib command does it.")
    await database.close()
    free(100 * TO_OPEN)
    database = Database(path, [FIRST])
    assert (await database.ping("catalogue")).ok
    await database.close()


async def test_a_rewriting_that_was_interrupted_is_done_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    database = Database(path, [FIRST])
    await database.run(add("a secret word"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert texts(reader) == ["a secret word"]
        await database.run(lambda c: c.execute("DELETE FROM notes").rowcount)
        with pytest.raises(UnavailableError, match="try again"):
            await database.vacuum()
        await database.close()
        database = Database(path, [FIRST], busy_timeout_s=5)
        assert not (await database.ping("catalogue")).ok, "and an opening does not wait for it"
        await database.close()
    database = Database(path, [FIRST])
    assert (await database.ping("catalogue")).ok
    await database.close()
    assert b"secret" not in path.read_bytes()


async def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "notes.db").mkdir()
    database = Database(tmp_path / "notes.db", [FIRST])
    with pytest.raises(UnavailableError, match=r"notes\.db cannot be used \(it is a directory\); check the disk"):
        await database.run(texts)
    await database.close()


async def test_damage_in_pages_that_are_seldom_read_is_found_by_the_health_check(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    database = Database(path, [FIRST])
    for number in range(300):
        await database.run(add(f"{number} words " * 100))
    await database.close()
    raw = path.read_bytes()
    path.write_bytes(raw[: 40 * 4096] + b"\xff" * 4096 + raw[41 * 4096 :])
    database = Database(path, [FIRST])
    health = await database.ping("catalogue")
    assert not health.ok
    assert "is damaged" in health.detail
    assert health.remedy
    await database.close()


async def test_temporary_tables_do_not_reach_the_disk(database: Database) -> None:
    assert await database.read(lambda c: c.execute("PRAGMA temp_store").fetchone()) == (2,)


async def test_a_glance_sees_what_was_committed_and_writes_nothing(database: Database) -> None:
    assert await database.glance(texts) == []  # nothing is open yet: the thread reads
    await database.run(add("one"))
    assert await database.glance(texts) == ["one"]
    await database.glance(add("two"))  # refused on the loop, undone on the thread
    assert await database.read(texts) == ["one"]


async def test_a_glance_looks_at_the_file_itself_also_when_it_is_opened_again(
    database: Database, tmp_path: Path
) -> None:
    await database.run(add("old"))
    assert await database.glance(texts) == ["old"]
    for path in tmp_path.glob("notes.db*"):
        path.rename(path.with_name(f"gone-{path.name}"))
    await database._on_worker(lambda _: database._disconnect())
    await database.run(add("new"))
    assert await database.glance(texts) == ["new"]


async def test_a_glance_in_another_thread_or_after_a_slow_one_is_a_read(database: Database) -> None:
    await database.run(add("one"))
    assert await database.glance(texts) == ["one"]
    assert await asyncio.to_thread(database._reader.may_read) is False

    def slowly(connection: sqlite3.Connection) -> list[str]:
        until = time.monotonic() + 2 * LONGEST_S
        while time.monotonic() < until:
            pass
        return texts(connection)

    assert await database.glance(slowly) == ["one"]
    assert not database._reader.may_read()
    assert await database.glance(texts) == ["one"]


async def test_a_damaged_file_of_what_can_be_lost_is_moved_aside_and_said(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database at all" * 100)
    database = Database(path, [FIRST], disposable=True)
    await database.run(add("one"))
    assert await database.read(texts) == ["one"]
    assert (tmp_path / "cache.db.damaged").read_bytes().startswith(b"no database")
    health = await database.ping("cache")
    assert health.ok
    assert health.detail.endswith("; a damaged one was moved aside to cache.db.damaged")
    await database.vacuum()
    assert not (tmp_path / "cache.db.damaged").exists()
    await database.close()


async def test_a_file_damaged_while_it_is_open_is_moved_aside_once_for_two_who_use_it(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    one, other = (Database(path, [FIRST], disposable=True) for _ in range(2))
    for number in range(2000):
        await one.run(add(f"{number}" * 20))
    assert await other.read(lambda c: len(texts(c))) == 2000
    await one.close()
    await other.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    one, other = (Database(path, [FIRST], disposable=True) for _ in range(2))
    for database in (one, other):
        await database.run(add("new"))
    assert await one.read(texts) == await other.read(texts) == ["new", "new"]
    await one.close()
    await other.close()


async def test_what_is_written_at_once_is_written_in_a_few_transactions_and_all_of_it(database: Database) -> None:
    await database.run(add("first"))
    transactions: list[str] = []
    await database.run(lambda db: db.set_trace_callback(transactions.append))
    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(database.run(add(f"note {number}")))
    await database.run(lambda db: db.set_trace_callback(None))
    assert len(await database.read(texts)) == 201
    assert transactions.count("COMMIT") < 20


async def test_one_call_that_fails_undoes_itself_and_none_beside_it(database: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes (text) VALUES ('undone')")
        raise BadRequestError("no")

    calls = [database.run(add("a")), database.run(fail), database.run(add("b"))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), BadRequestError, type(None)]
    assert await database.read(texts) == ["a", "b"]


async def test_a_caller_that_has_left_keeps_nobody_from_the_result(database: Database) -> None:
    tasks = [asyncio.create_task(database.run(add(f"note {number}"))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [asyncio.CancelledError, type(None), type(None)]
    assert {"note 1", "note 2"} <= set(await database.read(texts))


async def test_a_file_that_cannot_be_opened_is_told_to_all_who_write(tmp_path: Path) -> None:
    database = Database(tmp_path, [FIRST])  # a directory
    async with asyncio.timeout(5):
        results = await asyncio.gather(*(database.run(add("a")) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in results] == [UnavailableError] * 3
        with pytest.raises(UnavailableError):
            await database.run(add("b"))
    await database.close()
