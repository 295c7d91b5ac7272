"""When an audience spoke up: people are counted, floods of one are not, and no name or link is repeated."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.chat_peaks import MOST_PEAKS, WINDOW_S, chat_activity
from udib.core.live_chat import ChatMessage
from udib.core.speech import Origin, Segment, Transcript

TALK = Transcript(
    tuple(Segment(10.0 * at, 10.0 * at + 9, f"This is what was said as number {at}.", "ADA") for at in range(60)),
    Origin.TRANSCRIPT,
    "test",
)


def murmur(seed: int = 1) -> list[ChatMessage]:
    """Ten minutes in which two or three of thirty people write in each window."""
    rng = random.Random(seed)
    times = [at * WINDOW_S + rng.uniform(0, WINDOW_S) for at in range(30) for _ in range(rng.choice([2, 3]))]
    return [ChatMessage(second, f"viewer{rng.randrange(30)}", "hm, interesting") for second in sorted(times)]


def outcry(second: float, people: int, text: str) -> list[ChatMessage]:
    return [ChatMessage(second + at * 0.2, f"fan{at}", text) for at in range(people)]


async def test_a_peak_tells_who_many_wrote_what_and_what_was_said_before() -> None:
    loud = outcry(305.0, 40, "NO FAKE @fan3 see https://evil.example/away fan7 <b>")
    activity = await chat_activity(TALK, [*murmur(), *loud])
    assert activity.writers == len({each.writer for each in [*murmur(), *loud]})
    [peak] = activity.peaks
    assert (peak.start_s, peak.end_s) == (300.0, 320.0)
    assert peak.writers >= 40
    assert 2 <= peak.usual <= 3
    assert set(peak.words) <= {"FAKE", "see"}, "no names, links or markup"
    assert "FAKE" in peak.words
    assert peak.said is not None
    assert peak.said.text == "This is what was said as number 29."


async def test_one_who_floods_the_chat_makes_no_peak() -> None:
    flood = [ChatMessage(200 + at * 0.01, "spammer", "BUY NOW") for at in range(1000)]
    assert (await chat_activity(TALK, [*murmur(), *flood])).peaks == ()


async def test_neighbours_are_one_peak_and_there_are_at_most_ten() -> None:
    long = [*outcry(100.0, 30, "wow"), *outcry(121.0, 30, "wow"), *outcry(141.0, 30, "wow")]
    [peak] = (await chat_activity(TALK, [*murmur(), *long])).peaks
    assert (peak.start_s, peak.end_s) == (100.0, 160.0)
    quiet = [ChatMessage(each.time_s + 600 * again, each.writer, each.text) for again in range(4) for each in murmur()]
    many = [each for at in range(15) for each in outcry(60.0 + 150 * at, 30 + at, "wow")]
    found = (await chat_activity(TALK, [*quiet, *many])).peaks
    assert len(found) == MOST_PEAKS
    assert [peak.start_s for peak in found] == sorted(peak.start_s for peak in found)
    assert found[0].start_s > 60.0, "the weakest are left out, not the last"


@pytest.mark.parametrize("people", [0, 1, 4])
async def test_a_handful_is_no_audience(people: int) -> None:
    assert (await chat_activity(TALK, outcry(300.0, people, "wow"))).peaks == ()


async def test_where_nobody_spoke_nothing_is_quoted() -> None:
    late = [ChatMessage(each.time_s + 3000, each.writer, each.text) for each in [*murmur(), *outcry(300.0, 40, "wow")]]
    activity = await chat_activity(TALK, [*murmur(), *late])
    assert [peak.said for peak in activity.peaks] == [None]


@given(st.lists(st.tuples(st.floats(0, 3600), st.sampled_from("abcdefgh"), st.text(max_size=20)), max_size=80))
async def test_peaks_lie_apart_within_the_chat(rows: list[tuple[float, str, str]]) -> None:
    messages = [ChatMessage(*row) for row in rows]
    activity = await chat_activity(TALK, messages)
    assert activity.messages == len(messages)
    ends = 0.0
    for peak in activity.peaks:
        assert ends <= peak.start_s < peak.end_s
        assert 5 <= peak.writers <= activity.writers
        assert peak.writers >= 2 * peak.usual
        ends = peak.end_s
