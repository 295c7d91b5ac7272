"""Which platform an address leads to."""

import pytest

from udib.core.types import Platform


@pytest.mark.parametrize(
    ("address", "platform"),
    [
        ("https://www.youtube.com/watch?v=1", Platform.YOUTUBE),
        ("HTTPS://YouTube.com", Platform.YOUTUBE),
        ("https://m.youtube.com:443/watch", Platform.YOUTUBE),
        ("https://youtu.be/1?t=3", Platform.YOUTUBE),
        ("https://clips.twitch.tv/x", Platform.TWITCH),
        ("https://www.tiktok.com/@a/video/1", Platform.TIKTOK),
        ("https://old.reddit.com/r/a", Platform.REDDIT),
        ("https://v.redd.it/1", Platform.REDDIT),
        ("https://notyoutube.com/", Platform.WEB),
        ("https://youtube.com.evil.example/", Platform.WEB),
        ("https://a.example/?u=youtube.com", Platform.WEB),
        ("https://a.example#youtube.com", Platform.WEB),
        ("https://user:word@youtube.com/", Platform.YOUTUBE),
        ("https://", Platform.WEB),
        ("/home/me/youtube.com.mp4", Platform.FILE),
        ("talk.vtt", Platform.FILE),
    ],
)
def test_the_host_tells_the_platform(address: str, platform: Platform) -> None:
    assert Platform.of(address) is platform
