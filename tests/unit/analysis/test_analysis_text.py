import pytest

from udib.analysis.text import Kind, content_stems, figures, is_negated, stem, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("about 3.6 million eviction cases", [(3.6e6, Kind.COUNT)]),
        ("1,250 people", [(1250, Kind.COUNT)]),
        ("twenty-five million homes", [(25e6, Kind.COUNT)]),
        ("two hundred and five thousand jobs", [(205_000, Kind.COUNT)]),
        ("a million people", [(1e6, Kind.COUNT)]),
        ("up 5.1 percent and 12%", [(5.1, Kind.PERCENT), (12, Kind.PERCENT)]),
        ("forty per cent of us", [(40, Kind.PERCENT)]),
        ("half of the country", [(50, Kind.PERCENT)]),
        ("$3.5 billion", [(3.5e9, Kind.MONEY)]),
        ("12 million dollars a year", [(12e6, Kind.MONEY)]),
        ("$20k or 30 euros", [(20_000, Kind.MONEY), (30, Kind.MONEY)]),
        ("in 1994 and the 1990s", [(1994, Kind.YEAR), (1990, Kind.YEAR)]),
        ("in November 2021.", [(2021, Kind.YEAR)]),
        ("we built 2000 homes", [(2000, Kind.COUNT)]),
        ("two dozen bays", [(24, Kind.COUNT)]),
        ("four and a half hours", [(4.5, Kind.COUNT)]),
        ("thirty-odd sides", [(30, Kind.COUNT)]),
        ("three quarters of the schools", [(75, Kind.PERCENT)]),
        ("two thirds say so", [(200 / 3, Kind.PERCENT)]),
        ("nine out of ten dentists", [(90, Kind.PERCENT)]),
        ("in nineteen ninety-nine", [(1999, Kind.YEAR)]),
        ("two million fifty", [(2_000_050, Kind.COUNT)]),
        ("by twenty thirty five", [(2035, Kind.YEAR)]),
        ("five ten people", [(5, Kind.COUNT), (10, Kind.COUNT)]),
        ("ninety quid", [(90, Kind.MONEY)]),
        ("a ten-year-old and 3 cats", [(3, Kind.COUNT)]),
        ("one thing, the 3rd, no one", []),
        ("a version 1.2.3", []),
        ("", []),
    ],
)
def test_figures_are_read_with_their_kind(text: str, expected: list[tuple[float, Kind]]) -> None:
    found = figures(tokens(text))
    assert [figure.kind for figure in found] == [kind for _, kind in expected]
    assert [figure.value for figure in found] == pytest.approx([value for value, _ in expected])


def test_a_figure_knows_what_it_counts() -> None:
    [people, share] = figures(tokens("About 300 rented flats, and 15 percent of American households."))
    assert people.nouns == {stem("rented"), stem("flats")}
    assert share.nouns == {stem("american"), stem("households")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("apartments", "apartment"),
        ("policies", "policy"),
        ("planned", "planning"),
        ("city's", "city"),
        ("boxes", "box"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("text", "negated"), [("It isn't so", True), ("It is so", False), ("Nobody said no", False)])
def test_two_negations_are_none(text: str, *, negated: bool) -> None:
    assert is_negated(tokens(text)) is negated


def test_stop_words_and_numbers_carry_no_content() -> None:
    assert content_stems(tokens("They're the 20 million and it's yours")) == []
