"""Live chats as three tools save them, and files that are none."""

import json
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError
from udib.core.live_chat import ChatMessage
from udib.sources import live_chat
from udib.sources.live_chat import read_live_chat


def youtube_line(msec: object, runs: list[object], kind: str = "liveChatTextMessageRenderer") -> str:
    said = {"message": {"runs": runs}, "authorName": {"simpleText": "Ann"}, "authorExternalChannelId": "UC1"}
    action = {"addChatItemAction": {"item": {kind: said}, "clientId": "x"}}
    return json.dumps({"replayChatItemAction": {"actions": [action], "videoOffsetTimeMsec": msec}, "isLive": False})


YOUTUBE = "\n".join(
    [
        youtube_line("1500", [{"text": "hello "}, {"emoji": {"emojiId": "e", "shortcuts": [":wave:"]}}]),
        youtube_line("2500", [{"text": "thanks"}], "liveChatPaidMessageRenderer"),
        youtube_line("3000", [{"text": "a banner"}], "liveChatViewerEngagementMessageRenderer"),
        json.dumps({"replayChatItemAction": {"actions": [{"removeChatItemAction": {}}]}}),
        youtube_line("-5", [{"text": "before the start"}]),
    ]
)
TWITCH = json.dumps(
    {
        "FileInfo": {"Version": {"Major": 1}},
        "comments": [
            {"content_offset_seconds": 1.5, "commenter": {"display_name": "Ann"}, "message": {"body": "hello"}},
            {"content_offset_seconds": 2, "commenter": None, "message": {"body": "bye", "emoticons": None}},
        ],
    }
)
DOWNLOADED = json.dumps(
    [{"time_in_seconds": 1.5, "message": "hello", "author": {"name": "Ann"}}, {"time_in_seconds": 3}]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (YOUTUBE, [ChatMessage(1.5, "UC1", "hello :wave:"), ChatMessage(2.5, "UC1", "thanks")]),
        (TWITCH, [ChatMessage(1.5, "Ann", "hello"), ChatMessage(2.0, "", "bye")]),
        (DOWNLOADED, [ChatMessage(1.5, "Ann", "hello"), ChatMessage(3.0, "", "")]),
    ],
    ids=["yt-dlp", "TwitchDownloader", "chat-downloader"],
)
async def test_the_messages_of_three_tools_are_read(tmp_path: Path, text: str, expected: list[ChatMessage]) -> None:
    for mark in ("", "\ufeff"):
        path = tmp_path / "chat.json"
        path.write_text(mark + text, encoding="utf-8")
        assert list(await read_live_chat(str(path))) == expected


@pytest.mark.parametrize(
    "text",
    [
        "WEBVTT",
        "{}",
        '{"comments": 3}',
        '{"comments": [{"content_offset_seconds": "x", "message": {"body": ""}}]}',
        "[" * 100_000,
        YOUTUBE + "\n{broken",
        youtube_line("soon", [{"text": "x"}]),
        youtube_line("9" * 400, [{"text": "x"}]),
        "\u00ff\u00fe",
    ],
)
async def test_another_file_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chat.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadRequestError, match=r"is no live chat that can be read \(.*\); give yt-dlp's") as told:
        await read_live_chat(str(path))
    assert "\n" not in str(told.value)


async def test_no_message_a_missing_file_and_too_much_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.json"
    with pytest.raises(BadRequestError, match="There is no file"):
        await read_live_chat(str(path))
    path.write_text("[]")
    with pytest.raises(BadRequestError, match="has no message of a live chat"):
        await read_live_chat(str(path))
    monkeypatch.setattr(live_chat, "MOST_BYTES", 1)
    with pytest.raises(BadRequestError, match="the most for a live chat"):
        await read_live_chat(str(path))
