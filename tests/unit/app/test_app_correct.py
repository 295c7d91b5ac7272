"""What a reader means in a report: by second, by words, or not at all, with a sentence that says what is near."""

import pytest

from udib.app.correct_commands import found_quote, second_of
from udib.app.report_cli import Wrong
from udib.core.errors import BadRequestError
from udib.core.speech import Origin, Quote, Segment, Transcript

SAID = Transcript(
    (
        Segment(10.4, 14.0, "Rents rose by 12 percent.", "Ada"),
        Segment(14.2, 18.0, "They rose again.", "Ada"),
        Segment(61.0, 65.0, "Rents rose by 12 percent.", "Bob"),
    ),
    Origin.CAPTIONS,
    "vtt",
)


def quotes() -> list[Quote]:
    found = [SAID.quote(segment.text, near_s=segment.start_s) for segment in SAID.segments]
    return [quote for quote in found if quote is not None]


@pytest.mark.parametrize(
    ("text", "second"), [("4:19", 259), ("1:02:03", 3723), ("259", 259), (" 259.5 ", 259.5), ("0:00", 0)]
)
def test_a_time_is_read_as_people_write_it(text: str, second: float) -> None:
    assert second_of(text) == second


@pytest.mark.parametrize("text", ["", "4m19", "-3", "1:2:3:4", "4:19:", "noon"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="is no time in the item; write it like 4:19"):
        second_of(text)


@pytest.mark.parametrize(
    ("place", "start_s"),
    [
        (Wrong("0:10"), 10.4),
        (Wrong("0:14"), 14.2),  # the second that the report shows, although the first one ends in it
        (Wrong("12.5"), 10.4),
        (Wrong(quote="rose AGAIN"), 14.2),
        (Wrong("1:01", "rents rose"), 61.0),
    ],
)
def test_a_place_means_the_words_that_the_report_shows_there(place: Wrong, start_s: float) -> None:
    assert found_quote(quotes(), place, "claim").start_s == start_s


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (Wrong(), "Say which claim"),
        (Wrong("0:40"), "There is no claim at 0:40; the nearest are at 0:10, 0:14, 1:01."),
        (Wrong(quote="nobody said this"), "There is no claim with these words"),
        (Wrong(quote="rents rose"), "These words are in 2 places: 0:10, 1:01. Add --at."),
    ],
)
def test_a_place_that_means_nothing_is_answered_with_what_is_near(place: Wrong, sentence: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        found_quote(quotes(), place, "claim")
    assert str(refused.value).startswith(sentence)


def test_a_report_without_such_a_part_says_so() -> None:
    with pytest.raises(BadRequestError, match="There is no hint at 0:10; the report has none"):
        found_quote([], Wrong("0:10"), "hint")
