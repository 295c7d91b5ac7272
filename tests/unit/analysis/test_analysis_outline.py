import numpy as np
import pytest
from analysis_talk import WordCounts, said

from udib.analysis.chapters import boundaries, chapters, wanted_chapters
from udib.analysis.outline import describe

GERMAN = "Das ist der erste Satz und noch einer, weil wir nicht wissen, ob es reicht, also reden wir weiter und weiter."
SUBJECTS = (
    "The harbor crane lifts heavy ship cargo. A harbor crane needs a strong chain. Cargo waits near the harbor crane.",
    "The school garden grows red tomato plants. A tomato plant in the garden wants water. It sells tomato soup.",
    "An opera singer needs a quiet stage. The stage of the opera has a singer pit. Every singer loves the opera stage.",
)


def talk(repeat: int = 12) -> str:
    return " ".join(" ".join([subject] * repeat) for subject in SUBJECTS)


async def test_chapters_cover_the_item_and_open_where_the_subject_changes() -> None:
    transcript = said(("A", talk()))
    found = await chapters(transcript, WordCounts())
    assert found[0].start_s == 0.0
    assert found[-1].end_s == transcript.duration_s
    assert [one.end_s for one in found[:-1]] == [one.start_s for one in found[1:]]
    openings = {one.opening.text for one in found}
    assert {"The harbor crane lifts heavy ship cargo.", "The school garden grows red tomato plants."} <= openings


async def test_a_title_is_made_of_words_that_were_said() -> None:
    found = await chapters(said(("A", talk())), WordCounts())
    for one in found:
        assert one.title
        assert all(phrase in talk() for phrase in one.title.split(" and "))


@pytest.mark.parametrize(
    ("minutes", "sentences", "least", "most"),
    [(0.5, 5, 1, 1), (6, 60, 2, 4), (60, 500, 8, 20), (180, 1500, 15, 60), (0, 0, 1, 1)],
)
def test_the_number_of_chapters_follows_the_length(minutes: float, sentences: int, least: int, most: int) -> None:
    assert least <= wanted_chapters(60 * minutes, sentences) <= most


def test_the_cuts_are_the_cheapest_ones() -> None:
    rows = np.repeat(np.eye(3), [6, 9, 7], axis=0)
    assert boundaries(rows, np.zeros(23), 3) == [0, 6, 15]


def test_an_announcement_decides_where_the_words_do_not() -> None:
    bonus = np.zeros(21)
    bonus[7] = 1.0
    assert boundaries(np.ones((20, 2)), bonus, 2) == [0, 7]


async def test_the_outline_counts_what_was_said() -> None:
    found = await describe(
        said(("A", "This is the first half of it."), ("B", "And that was the other half of it.")), WordCounts()
    )
    assert (found.words, found.speakers, found.language) == (15, ("A", "B"), "en")
    assert found.words_per_minute == pytest.approx(150, abs=1)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            GERMAN,
            "de",
            "de",
        ),
        (
            GERMAN,
            "en",
            "de",
        ),
        (
            "this is the first one and that is the other because we do not know if it is enough so we go on and on",
            "de",
            "en",
        ),
        ("Hello there.", "en", "en"),
        ("Hello there.", "und", "und"),
        (
            "this is the first one and that is the other because we do not know if it is enough so we go on and on",
            "und",
            "en",
        ),
        (GERMAN, "und", "de"),
        ("维也纳的房租去年上涨了百分之十二。没有人在这里建房子。", "en", "zh"),
        ("维也纳的房租去年上涨了百分之十二。", "zh", "zh"),
        ("ارتفعت الإيجارات في فيينا بنسبة اثني عشر بالمئة", "en", "und"),
        ("ارتفعت الإيجارات في فيينا بنسبة اثني عشر بالمئة", "ar", "ar"),
    ],
)
async def test_the_language_is_told_by_the_words(text: str, language: str, expected: str) -> None:
    assert (await describe(said(("A", text), language=language), WordCounts())).language == expected


async def test_silence_has_an_outline_too() -> None:
    found = await describe(said(), WordCounts())
    assert (found.duration_s, found.words_per_minute, found.chapters) == (0.0, 0.0, ())
