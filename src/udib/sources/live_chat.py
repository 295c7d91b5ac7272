"""Live chats as the tools that save them write them: yt-dlp (YouTube), TwitchDownloader, chat-downloader."""

import asyncio
import codecs
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from udib.core.errors import BadRequestError
from udib.core.live_chat import ChatMessage
from udib.sources.media import check_file
from udib.sources.paths import absolute

MOST_BYTES: Final = 256 * 2**20
"""The longest file of a live chat that is read."""
_LONGEST_TEXT: Final = 500
_LATEST_S: Final = 100 * 3600.0
_FORMATS: Final = "yt-dlp's .live_chat.json, or the JSON of TwitchDownloader or chat-downloader"


class _YouTubeEmoji(msgspec.Struct):
    shortcuts: list[str] = []


class _YouTubeRun(msgspec.Struct):
    text: str = ""
    emoji: _YouTubeEmoji | None = None


class _YouTubeRuns(msgspec.Struct):
    runs: list[_YouTubeRun] = []


class _YouTubeRenderer(msgspec.Struct, rename="camel"):
    message: _YouTubeRuns | None = None
    author_external_channel_id: str = ""


class _YouTubeItem(msgspec.Struct, rename="camel"):
    live_chat_text_message_renderer: _YouTubeRenderer | None = None
    live_chat_paid_message_renderer: _YouTubeRenderer | None = None


class _YouTubeAdded(msgspec.Struct):
    item: _YouTubeItem | None = None


class _YouTubeAction(msgspec.Struct, rename="camel"):
    add_chat_item_action: _YouTubeAdded | None = None


class _YouTubeReplay(msgspec.Struct, rename="camel"):
    actions: list[_YouTubeAction] = []
    video_offset_time_msec: str | int = 0


class _YouTubeLine(msgspec.Struct, rename="camel"):
    replay_chat_item_action: _YouTubeReplay


class _TwitchWriter(msgspec.Struct):
    display_name: str = ""


class _TwitchBody(msgspec.Struct):
    body: str = ""


class _TwitchComment(msgspec.Struct):
    content_offset_seconds: float
    message: _TwitchBody
    commenter: _TwitchWriter | None = None


class _TwitchFile(msgspec.Struct):
    comments: list[_TwitchComment]


class _DownloadedWriter(msgspec.Struct):
    name: str = ""


class _Downloaded(msgspec.Struct):
    time_in_seconds: float
    message: str | None = None
    author: _DownloadedWriter | None = None


async def read_live_chat(path: str) -> tuple[ChatMessage, ...]:
    """The messages of a saved live chat, in its order; those before the start of the item are left out.

    Raises:
        BadRequestError: The file is missing, empty, too long, or no live chat that is known here.
        ForbiddenError: It may not be read.
    """
    return await asyncio.to_thread(_read, absolute(path))


def _read(path: Path) -> tuple[ChatMessage, ...]:
    check_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise BadRequestError(f"{path} has more than {MOST_BYTES // 2**20} MiB, the most for a live chat; give less.")
    try:
        found = tuple(_usable(_messages(path.read_bytes())))
    except msgspec.DecodeError as exc:
        raise BadRequestError(f"{path} is no live chat that can be read ({exc}); give {_FORMATS}.") from exc
    if not found:
        raise BadRequestError(f"{path} has no message of a live chat; give {_FORMATS}.")
    return found


def _messages(data: bytes) -> Iterator[ChatMessage]:
    data = data.removeprefix(codecs.BOM_UTF8)
    if data[:1024].lstrip().startswith(b"["):
        for each in msgspec.json.decode(data, type=list[_Downloaded]):
            yield ChatMessage(each.time_in_seconds, each.author.name if each.author else "", each.message or "")
    elif b'"replayChatItemAction"' in data[: 1 << 16]:
        decoder = msgspec.json.Decoder(_YouTubeLine)
        for line in data.splitlines():
            if line.strip():
                yield from _of_youtube(decoder.decode(line).replay_chat_item_action)
    else:
        for comment in msgspec.json.decode(data, type=_TwitchFile).comments:
            writer = comment.commenter.display_name if comment.commenter else ""
            yield ChatMessage(comment.content_offset_seconds, writer, comment.message.body)


def _of_youtube(replay: _YouTubeReplay) -> Iterator[ChatMessage]:
    try:
        second = int(replay.video_offset_time_msec) / 1000
    except (ValueError, OverflowError) as exc:
        raise msgspec.DecodeError(f"{replay.video_offset_time_msec!r} is no time in milliseconds") from exc
    for action in replay.actions:
        item = action.add_chat_item_action.item if action.add_chat_item_action else None
        said = item and (item.live_chat_text_message_renderer or item.live_chat_paid_message_renderer)
        if said and said.message:
            parts = [
                run.text or (run.emoji.shortcuts[0] if run.emoji and run.emoji.shortcuts else "")
                for run in said.message.runs
            ]
            yield ChatMessage(second, said.author_external_channel_id, "".join(parts))


def _usable(messages: Iterable[ChatMessage]) -> Iterator[ChatMessage]:
    for each in messages:
        if math.isfinite(each.time_s) and 0 <= each.time_s <= _LATEST_S:
            yield ChatMessage(each.time_s, each.writer, each.text[:_LONGEST_TEXT])
