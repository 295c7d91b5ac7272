import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb", "x" * 201])
def test_a_name_that_cannot_be_kept_apart_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError):
        Scope.of(name, "main")
    with pytest.raises(BadRequestError):
        Scope.of("default", name)


def test_look_alike_spellings_are_one_name() -> None:
    assert Scope.of("caf\u00e9", "main") == Scope.of("cafe\u0301", "main")


@given(
    st.tuples(st.text("ab_:/", min_size=1), st.text("ab_:/", min_size=1)),
    st.tuples(st.text("ab_:/", min_size=1), st.text("ab_:/", min_size=1)),
)
def test_two_scopes_never_share_a_digest(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (Scope.of(*one).digest() == Scope.of(*other).digest()) == (Scope.of(*one) == Scope.of(*other))


@pytest.mark.parametrize(
    ("platform", "url", "link"),
    [
        (Platform.YOUTUBE, "https://y.example/watch?v=a", "https://y.example/watch?v=a&t=3725s"),
        (Platform.YOUTUBE, "https://y.example/a", "https://y.example/a?t=3725s"),
        (Platform.TWITCH, "https://t.example/videos/1", "https://t.example/videos/1?t=1h2m5s"),
        (Platform.WEB, "https://w.example/a#b", "https://w.example/a#t=3725"),
        (Platform.FILE, None, "file:///a/talk.mp4#t=3725"),
    ],
)
def test_a_link_opens_the_second(platform: Platform, url: str | None, link: str) -> None:
    content = Content(ContentId("x:1"), platform, "file:///a/talk.mp4", "Talk", url=url)
    assert content.link(3725.9) == link
