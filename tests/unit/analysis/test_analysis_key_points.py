import numpy as np
import pytest
from analysis_talk import WordCounts, said

from udib.analysis.arguments import arguments
from udib.analysis.debate import map_debate
from udib.analysis.key_points import MOST_COMPARED, key_points, likeness
from udib.analysis.sentences import sentences
from udib.core.findings import Argument, Role

FERRY = (
    ("ANN", "We need the ferry because islanders without a ferry cannot reach the hospital."),
    ("BEN", "Tourists pay for harbors because tourists buy tickets every summer."),
    ("CAT", "It matters because islanders cannot reach the hospital without a ferry."),
    ("ANN", "It won't work because the engine needs diesel from abroad."),
)


async def test_likeness_is_highest_for_the_same_words_and_counts_rare_ones() -> None:
    like = await likeness(
        ["islanders reach the hospital", "tourists buy tickets"], ["the hospital of the islanders"], WordCounts()
    )
    assert like.shape == (2, 1)
    assert 0 <= like[1, 0] < like[0, 0] <= 1


async def test_likeness_of_texts_among_themselves_is_symmetric() -> None:
    like = await likeness([text for _, text in FERRY], [], WordCounts())
    assert np.allclose(like, like.T)
    assert np.allclose(like.diagonal(), 1.0)


@pytest.mark.parametrize("texts", [[], ["the of and"], ["um", "uh"]])
async def test_texts_without_words_that_carry_meaning_are_like_nothing(texts: list[str]) -> None:
    assert (await likeness(texts, ["islanders"], WordCounts())).max(initial=0.0) < 0.5


async def test_a_point_made_by_two_people_is_one_point() -> None:
    talk = said(*FERRY)
    [point] = (await map_debate(talk, WordCounts())).points
    assert [quote.speaker for quote in (point.quote, *point.others)] == ["ANN", "CAT"]
    assert all(talk.holds(quote) for quote in (point.quote, *point.others))


async def test_what_is_said_once_is_no_point_and_an_example_makes_none() -> None:
    talk = said(FERRY[1], FERRY[3], ("ANN", "For example, tourists buy tickets every summer."))
    assert await key_points(arguments(talk, sentences(talk)), WordCounts()) == ()


async def test_a_long_item_compares_a_bounded_number_and_every_quote_once() -> None:
    lines = [
        ("A", f"Ferries of island {n % 50} need money because the {n} boats rot.") for n in range(MOST_COMPARED * 2)
    ]
    talk = said(*lines)
    parts = tuple(Argument(sentence.quote, Role.PREMISE, "because") for sentence in sentences(talk))
    points = await key_points(parts, WordCounts())
    quotes = [quote for point in points for quote in (point.quote, *point.others)]
    assert len(quotes) == len(set(quotes)) <= MOST_COMPARED
