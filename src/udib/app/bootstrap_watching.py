"""The part of the composition root that opens what reads the web: yt-dlp, and what watches feeds and channels."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from udib.app.bootstrap_memory import connections
from udib.app.bootstrap_storage import Records
from udib.app.bootstrap_work import Work
from udib.app.settings import Settings
from udib.pipeline.watching import FeedsInTurn, Watching

if TYPE_CHECKING:
    from udib.sources.ytdlp import YtDlpSource


def open_ytdlp(stack: AsyncExitStack, settings: Settings) -> "YtDlpSource":
    """What reads addresses with yt-dlp. Its children start with its first use."""
    from udib.net.guard import AddressGuard
    from udib.sources.ytdlp import Limits, YtDlpSource

    wanted = settings.sources
    limits = Limits(wanted.max_megabytes * 1_000_000, settings.engine.deadlines.download_s)
    # As many as the gates let through, so that nobody waits here, where no turns are taken.
    processes = sum(limit.at_once for limit in settings.engine.limits.platforms.values())
    ytdlp = YtDlpSource(
        AddressGuard(frozenset(settings.net.allow)), language=wanted.language, limits=limits, processes=processes
    )
    stack.push_async_callback(ytdlp.close)
    return ytdlp


def open_watching(
    stack: AsyncExitStack, settings: Settings, records: Records, work: Work, lists: "YtDlpSource"
) -> Watching:
    """What watches, in the records and with the engine that the settings name.

    Args:
        stack: Closes the connections.
        settings: Their shape.
        records: Where watches are kept.
        work: What repeats the looks and takes the orders, and whose turn it is.
        lists: What lists channels.
    """
    from udib.sources.feeds import WebFeeds

    pool, retry = connections(stack, settings)
    feeds = WebFeeds(pool, retry, lists)
    return Watching(records.watches, FeedsInTurn(feeds, work.gates), work.engine, records.catalogue)
