"""Watching through the real commands: a site on loopback, a worker beside commands, and no worker at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from test_flow_jobs import EXAMPLE, start, until, worker
from typed_commands import Commands

PATIENCE_S = 60.0


class Site:
    """A podcast in a folder, served on loopback: episodes that are captions, and one that is not there."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.host = f"127.0.0.1:{port}"
        self.feed = f"http://{self.host}/feed.xml"
        self._entries: list[str] = []

    def publish(self, name: str, *, days_ago: float = 0.0, exists: bool = True) -> str:
        """Add an episode to the feed; returns its address."""
        if exists:
            text = EXAMPLE.read_text(encoding="utf-8").replace("rent", f"rent {name}")
            (self.folder / f"{name}.vtt").write_text(text, encoding="utf-8")
        at = format_datetime(datetime.now(UTC) + timedelta(minutes=1) - timedelta(days=days_ago))
        self._entries.append(
            f"<item><guid>{name}</guid><pubDate>{at}</pubDate><enclosure url='/{name}.vtt' type=''/></item>"
        )
        channel = f"<title>Talks</title>{''.join(self._entries)}"
        path = self.folder / "feed.part"
        path.write_text(f"<rss version='2.0'><channel>{channel}</channel></rss>", encoding="utf-8")
        path.replace(self.folder / "feed.xml")
        return f"http://{self.host}/{name}.vtt"


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1]
        monkeypatch.setenv("UDIB_NET__ALLOW", json.dumps([f"127.0.0.1:{port}"]))
        yield Site(folder, port)
        server.shutdown()
        thread.join()


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "1")
    return Commands(tmp_path / "data", capsys)


def test_what_is_new_is_analysed_where_nobody_serves(udib: Commands, site: Site) -> None:
    site.publish("old", days_ago=50)
    site.publish("one", days_ago=5)
    since = (datetime.now(UTC) - timedelta(days=10)).date().isoformat()
    added = json.loads(udib("watch", "add", site.feed, "--since", since, "--every", "1h", "--json"))
    assert (added["added"], added["title"], added["every_s"], added["waiting"]) == (True, "Talks", 3600.0, 1)
    assert "Already watched" in udib("watch", "add", site.feed)
    [looked] = json.loads(udib("watch", "run", "--quiet", "--json"))
    assert (looked["done"], looked["waiting"], looked["failed"]) == (1, 0, [])
    site.publish("two")
    assert json.loads(udib("watch", "run", added["id"][:5], "--quiet", "--json"))[0]["done"] == 2
    assert {item["content"]["title"] for item in json.loads(udib("list", "--json"))} == {"one", "two"}
    assert "watched no longer" in udib("watch", "remove", site.feed)
    assert json.loads(udib("watch", "list", "--json")) == []
    assert len(json.loads(udib("list", "--json"))) == 2


def test_a_worker_looks_and_what_it_does_is_followed_live_and_told_where_one_looks(udib: Commands, site: Site) -> None:
    job = json.loads(udib("analyze", site.publish("mine", days_ago=1), "--background", "--json"))["id"]
    gone = site.publish("gone", days_ago=1, exists=False)
    udib("watch", "add", site.feed, "--since", "2020-01-01")
    follower = start(udib.data, "jobs", "show", job, "--follow", "--json")
    assert follower.stderr is not None
    assert "waits for a running `udib worker`" in follower.stderr.readline()
    with worker(udib.data):
        out, told = follower.communicate(timeout=PATIENCE_S)
        assert (follower.returncode, json.loads(out)["state"]) == (0, "done"), told
        assert "store: done" in told
        until(lambda: json.loads(udib("watch", "list", "--json"))[0]["failed"])
    [watch] = json.loads(udib("watch", "list", "--json"))
    [failed] = watch["failed"]
    assert (failed["address"], watch["done"]) == (gone, 1)
    listed = " ".join(udib("watch", "list").split())
    assert "HTTP 404" in listed
    assert f"`udib jobs retry {failed['job']}` tries it again" in listed
    udib("jobs", "show", failed["job"], "--follow", code=2)
    everything = json.loads(udib("jobs", "list", "--all", "--json"))
    assert {each["id"] for each in everything if each["flow"] == "analyze"} == {job, failed["job"]}
    assert "watch" not in {each["flow"] for each in everything}


def test_a_feed_that_goes_away_is_told_by_its_list_and_the_exit_code(udib: Commands, site: Site) -> None:
    site.publish("one")
    udib("watch", "add", site.feed)
    (site.folder / "feed.xml").unlink()
    udib("watch", "run", "--quiet", code=2)
    [watch] = json.loads(udib("watch", "list", "--json"))
    assert (watch["status"], watch["failures"]) == ("bad_request", 1)
    assert watch["resting_until"] is not None
    assert "The last look failed: 127.0.0.1 has nothing at this address (HTTP 404)" in udib("watch", "list")


def test_an_impossible_order_is_one_sentence(udib: Commands, site: Site) -> None:
    site.publish("one")
    (site.folder / "page.html").write_text("<!doctype html><html><p>Words.</p></html>", encoding="utf-8")
    for arguments, complaint in (
        (("add", f"http://{site.host}/nothing.xml"), "HTTP 404"),
        (("add", f"http://{site.host}/page.html"), "There is no feed"),
        (("add", site.feed, "--since", "tomorrow"), "--since 'tomorrow' is no date"),
        (("add", site.feed, "--since", "2999-01-01"), "not yet"),
        (("add", site.feed, "--every", "10s"), "every minute at most"),
        (("add", site.feed, "--every", "often"), "--every 'often' is no length of time"),
        (("add", "feed.xml"), "is no web address"),
        (("remove", "nothing"), "`udib watch list` shows what is"),
        (("run", "nothing"), "`udib watch list` shows what is"),
    ):
        refusal = udib("watch", *arguments, code=2)
        assert complaint in refusal
        assert len(refusal.splitlines()) == 1
    assert "private address" in udib("watch", "add", "http://127.0.0.1:9/feed.xml", code=4)
    assert json.loads(udib("watch", "list", "--json")) == []


def test_a_feed_without_items_is_watched_and_nothing_watched_is_no_failure(udib: Commands, site: Site) -> None:
    (site.folder / "empty.xml").write_text("<rss version='2.0'><channel/></rss>", encoding="utf-8")
    assert "no items that can be fetched yet" in udib("watch", "add", f"http://{site.host}/empty.xml")
    assert "Nothing is watched in tenant 'other'" in udib("watch", "run", "--tenant", "other")


def test_who_serves_has_imported_what_a_look_needs(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from udib.app.bootstrap import open_app
from udib.app.settings import load_settings
async def serve():
    async with open_app(load_settings(data_dir=Path({str(tmp_path / "data")!r}))) as app:
        app.flows
        assert {{"udib.sources.feeds", "udib.sources.ytdlp", "udib.analysis.readings"}} <= set(sys.modules)
asyncio.run(serve())
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)
