"""Stretches of a document that bear on statements: verbatim, where they say, and the right ones."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from udib.memory.excerpts import excerpts

PAGE = """Housing in Vienna
The city has 1.9 million inhabitants. Most of them rent their flats, and half of these flats belong to the city.
Rents
In 2021 rents rose by twelve percent, the office said. It was the most in ten years. Wages rose by three percent.
Year 2020
Rate 1.4
Year 2021
Rate 2.8
Ferries
The council closed three ferry lines in spring, because nobody used them any more in winter."""


def test_the_stretch_that_shares_the_words_comes_first() -> None:
    [rents, ferries, nothing] = excerpts(
        PAGE, ["Rents rose by 12 percent in 2021.", "They closed the ferry lines.", "Nuclear fusion works."]
    )
    assert "rents rose by twelve percent" in rents[0].text
    assert {"rents", "rose", "percent", "2021"} <= set(rents[0].matched)
    assert 0 < rents[0].relevance <= 1
    assert "closed three ferry lines" in ferries[0].text
    assert nothing == []


def test_rows_of_a_table_stand_together() -> None:
    [found] = excerpts(PAGE, ["The rate of the year 2020 was 1.4."])
    assert "Year 2020\nRate 1.4" in found[0].text


def test_an_empty_document_has_none() -> None:
    assert excerpts("", ["Rents rose."]) == [[]]
    assert excerpts("\n \n", []) == []


def test_an_endless_sentence_is_cut_between_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    [found] = excerpts(text, ["word1 word500 word999"], most=50)
    assert all(len(each.text) <= 800 and each.stands_in(text) for each in found)
    assert {word for each in found for word in each.text.split()} >= {"word1", "word500", "word999"}


@given(
    st.lists(st.text(alphabet="rent fly.?!\n\u201d\u00e9 ", max_size=60), max_size=30).map("\n".join),
    st.lists(st.text(alphabet="rent fly", max_size=30), max_size=3),
)
def test_excerpts_stand_in_the_text_to_the_letter(text: str, statements: list[str]) -> None:
    found = excerpts(text, statements, most=100)
    assert len(found) == len(statements)
    for some in found:
        assert all(each.stands_in(text) and each.matched and 0 <= each.relevance <= 1 for each in some)
        assert len({(each.start, each.end) for each in some}) == len(some)
        spans = sorted((each.start, each.end) for each in some)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
