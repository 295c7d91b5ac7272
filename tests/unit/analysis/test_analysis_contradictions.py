import pytest
from analysis_talk import said

from udib.analysis.contradictions import differences
from udib.analysis.polarity import denies
from udib.analysis.sentences import sentences
from udib.analysis.stated import counting_words, statements
from udib.core.speech import Transcript


def kinds(transcript: Transcript) -> list[tuple[str, str]]:
    return [(found.kind, found.subject) for found in differences(statements(sentences(transcript)))]


@pytest.mark.parametrize(
    ("earlier", "later", "kind"),
    [
        (
            "A night bus would cost us 2 million dollars a year.",
            "You'd spend 9 million dollars a year on a night bus.",
            "number",
        ),
        ("Our plant employs 300 workers in this valley.", "Our plant employs 550 workers in this valley.", "number"),
        ("About 15 percent of the drivers own a van.", "Some 60 percent of the drivers own a van.", "number"),
        ("I have always supported the harbor tunnel.", "I have never supported the harbor tunnel.", "polarity"),
        ("The harbor tunnel is safe for cyclists.", "The harbor tunnel is not safe for cyclists.", "polarity"),
        ("I've never spent a cent on lottery tickets.", "Last May I bought forty tickets in one go.", "polarity"),
        (
            "The average nurse walks seven hours a day.",
            "Your typical nurse is on her feet for four and a half hours of every day.",
            "number",
        ),
        ("The server has 500 members.", "The server has 700 members.", "number"),
        ("The bot costs 5 dollars.", "The bot costs about 50 dollars.", "number"),
        ("I do not own a car.", "I own two cars.", "polarity"),
        ("We have no moderators.", "We have a moderator.", "polarity"),
        ("The tunnel isn't safe.", "The tunnel is safe.", "polarity"),
        ("Crime in the harbor rose last year.", "Crime in the harbor fell last year.", "polarity"),
        ("Rents in Berlin doubled after 2015.", "Rents in Berlin rose by 9 percent after 2015.", "number"),
        ("The ferry takes 90 minutes to the island.", "The ferry takes six hours to the island.", "number"),
        ("Every tenant in the block got a letter.", "No tenant in the block got a letter.", "polarity"),
        ("The council always answers our letters.", "The council never answers our letters.", "polarity"),
        ("Everybody likes the new tunnel.", "Nobody likes the new tunnel.", "polarity"),
        ("I support the harbor tunnel.", "I oppose the harbor tunnel.", "polarity"),
        ("I've always supported the harbor tunnel.", "I am against the tunnel, and it is ugly.", "polarity"),
        ("I support the wealth tax because it is fair.", "I never supported the wealth tax.", "polarity"),
        ("We should close the coal plant.", "I never said we should close the coal plant.", "polarity"),
        ("The law allows short lets in the old town.", "The law bans short lets in the old town.", "polarity"),
        ("Half of the drivers own a van.", "80 percent of the drivers own a van.", "number"),
        ("Our fleet is 40 kilometers from the harbor.", "Our fleet is 60 miles from the harbor.", "number"),
        ("The tunnel is legal under the treaty.", "The tunnel is illegal under the treaty.", "polarity"),
        ("Not all members pay the fee.", "All members pay the fee.", "polarity"),
    ],
)
def test_another_number_or_the_opposite_is_a_difference(earlier: str, later: str, kind: str) -> None:
    assert [found for found, _ in kinds(said(("A", f"{earlier} {later}")))] == [kind]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("The tax was 20 percent under the old law.", "The tax is 30 percent under the new law."),
        ("Anna told me the stadium costs 3 million dollars.", "The stadium costs 25 million dollars."),
        ("The stadium costs 25 million dollars.", "The mayor says the stadium costs 3 million dollars."),
        (
            "The stadium costs 10 million dollars, but that was before the flood.",
            "The stadium costs 25 million dollars.",
        ),
        ("Children under five pay 2 dollars for a ticket.", "Adults pay 12 dollars for a ticket."),
        ("I quote the mayor: the stadium is a waste of money.", "I think the stadium is not a waste of money."),
        ("Suppose the stadium costs 40 million dollars.", "The stadium costs 25 million dollars."),
        ("A night bus would cost 2 million dollars a year.", "A night bus would cost 2.1 million dollars a year."),
        ("A night bus would cost 2 million dollars a year.", "A night bus would cost 170 thousand dollars a month."),
        ("The night bus cost 2 million dollars in 2010.", "The night bus cost 9 million dollars in 2020."),
        ("In Oslo the night bus has 40 stops.", "In Bergen the night bus has 90 stops."),
        ("The night bus has 40 stops in town.", "The night bus has 12 drivers in town."),
        ("Fares on the night bus rose by 4 percent.", "Crime on the night bus fell by 9 percent."),
        ("The night bus has 40 stops now.", "The night bus then had 12 stops in all."),
        ("Would the night bus cost 2 million dollars?", "The night bus would cost 9 million dollars."),
        ("They say the night bus is not safe for women.", "The night bus is safe for women."),
        ("The night bus was not safe for women.", "The night bus will be safe for women."),
        ("If the night bus is not safe, women stay home.", "The night bus is safe, women stay out."),
        ("We like apples.", "They sell 40 pears."),
        ("The server has 500 members.", "The server has 510 members."),
        ("The server has 500 members.", "The server had 700 members."),
        ("The server has 500 members.", "The server has 700 channels."),
        ("The server has 500 members now.", "The server has 700 members tomorrow."),
        ("I do not own a car.", "You own two cars."),
        ("I do not own a car.", "I owned two cars."),
        ("If I do not own a car.", "I own two cars."),
        ("It is not safe now.", "It is safe now."),
        ("I've never bought lottery tickets.", "She bought forty lottery tickets."),
        ("I've never bought lottery tickets.", "I didn't buy the tickets for the ferry."),
        ("The average nurse walks seven hours a day.", "A typical nurse has four weeks of leave a year."),
        ("Crime in the harbor rose.", "Crime in the harbor fell."),
        ("Some tenants are happy here.", "Some tenants are not happy here."),
        ("Not all tenants are happy here.", "Tenants are happy here."),
        ("Rents did not rise last year.", "Rents did not fall last year."),
        ("I support wind farms.", "I oppose wind farms near schools."),
        ("I support farms.", "I oppose wind farms."),
        ("I supported the harbor tunnel.", "I oppose the harbor tunnel."),
        ("In 2010 I supported the harbor tunnel.", "In 2020 I opposed the harbor tunnel."),
        ("I never supported the harbor tunnel.", "I support the harbor tunnel."),
        ("I used to support the harbor tunnel.", "I oppose the harbor tunnel."),
        ("I support the harbor tunnel.", "I was wrong. I oppose the harbor tunnel."),
        ("I support the tunnel if it is safe.", "I oppose the tunnel."),
        ("The ferry takes 90 minutes to the island.", "The ferry takes one and a half hours to the island."),
        ("The ferry takes 120 minutes to the island.", "The ferry takes two hours to the island."),
        ("Our fleet is 40 kilometers from the harbor.", "Our fleet is 25 miles from the harbor."),
        ("The server has 500 members.", "The server does not have 700 members."),
        ("The tunnel is not safe for us.", "The tunnel is dangerous for us."),
        ("I'm for the tunnel.", "I'm for the bridge and against the road."),
        ("The shop opened at nine.", "The shop closed at nine."),
        ("We raised taxes.", "We cut taxes."),
        ("Half of the drivers own a van.", "50 percent of the drivers own a van."),
        ("Rents in Berlin doubled after 2015.", "Rents in Berlin rose by 100 percent after 2015."),
        ("Until 2019 I opposed the tunnel.", "I support the tunnel."),
        ("I never said we should close the coal plant.", "We should close the coal mine."),
    ],
)
def test_another_time_place_subject_or_only_a_rounding_is_none(earlier: str, later: str) -> None:
    assert kinds(said(("A", f"{earlier} {later}"))) == []


def test_a_near_name_of_what_is_counted_is_the_same_thing() -> None:
    one = "Since the Harbor Act more than sixty fishing firms went into administration."
    other = "Thirty-odd companies under the administrators since the Harbor Act is bad luck."
    found = statements(sentences(said(("A", f"{one} {other}"))))

    def near(left: str, right: str) -> float:
        return float({left, right} in ({"firms", "companies"}, {"administration", "administrators"}))

    assert [pair.kind for pair in differences(found, near)] == ["number"]
    assert list(differences(found)) == []
    assert {"firms", "companies", "administrators"} <= set(counting_words(found))


@pytest.mark.parametrize(
    ("reply", "answered", "expected"),
    [
        ("A camera doesn't stop a door.", "It's dangerous, so put the camera back.", True),
        ("The tunnel is dangerous.", "The tunnel is safe.", True),
        ("The tunnel is long.", "The tunnel is safe.", False),
        ("This isn't Bergen.", "In Bergen they built one.", False),
        ("No bread today.", "The tunnel is safe.", False),
    ],
)
def test_an_answer_denies_what_it_takes_up_in_the_negative(reply: str, answered: str, expected: bool) -> None:
    assert denies(reply, answered, frozenset({"bergen"})) is expected


def test_the_subject_is_told_in_the_later_words_without_units() -> None:
    text = "A night bus would cost us 2 million dollars a year. We'd pay 9 million dollars a year for a night bus."
    assert kinds(said(("A", text))) == [("number", "night bus")]


def test_a_subject_is_a_label_and_not_the_sentence() -> None:
    text = "The harbor tunnel is safe for cyclists, drivers, nurses and students. "
    [(_, told)] = kinds(said(("A", text + text.replace("is safe", "is not safe"))))
    assert told == "harbor tunnel safe cyclists"


def test_a_position_is_told_apart_without_nearness_in_meaning() -> None:
    [found] = differences(
        statements(sentences(said(("A", "I support the wealth tax. I never supported the wealth tax."))))
    )
    assert found.plain
    assert found.holds(0.0)


def test_who_changes_his_mind_openly_does_not_contradict_himself() -> None:
    for turn in ("I used to say the tunnel is safe.", "I stand corrected. The tunnel is safe for cyclists."):
        assert kinds(said(("A", f"The tunnel is not safe for cyclists. {turn}"))) == []


def test_two_speakers_for_and_against_one_thing_differ() -> None:
    [found] = differences(statements(sentences(said(("A", "I support the tunnel."), ("B", "I oppose the tunnel.")))))
    assert found.speakers == ("A", "B")


@pytest.mark.parametrize(
    ("earlier", "later", "over_time"),
    [
        ("Crime in the harbor rose last year.", "Crime in the harbor fell last year.", False),
        ("Crime in the harbor is rising.", "Crime in the harbor is falling.", False),
        ("Crime in the harbor rose in 2019.", "Crime in the harbor fell in 2019.", True),
        ("The tunnel isn't safe.", "The tunnel is safe.", True),
        ("I support the harbor tunnel.", "I oppose the harbor tunnel.", True),
    ],
)
def test_last_year_is_another_year_in_another_item(earlier: str, later: str, over_time: bool) -> None:
    [found] = differences(statements(sentences(said(("A", f"{earlier} {later}")))))
    assert found.over_time is over_time
