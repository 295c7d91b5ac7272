import pytest
from analysis_talk import WordCounts, said

from udib.analysis.debate import map_debate

BUS = (
    ("ANN", "A night bus would cost us 2 million dollars a year. A night bus will help nurses."),
    ("BEN", "The night bus doesn't help nurses at all. So tell me, Ann, which drivers would you hire for that bus?"),
    ("ANN", "Our town has a fine old harbor with a lighthouse, and tourists love to look at it in summer."),
    ("BEN", "Fine. You should know how ticket machines work. Is it the red machine that you would replace?"),
    ("ANN", "We'd spend 9 million dollars a year on a night bus and replace the red machine."),
)


async def test_the_map_of_a_small_debate() -> None:
    found = await map_debate(said(*BUS), WordCounts())
    assert [(share.speaker, share.turns, share.questions) for share in found.speakers] == [("ANN", 3, 0), ("BEN", 2, 2)]
    assert sum(share.share for share in found.speakers) == pytest.approx(1.0, abs=0.01)
    [contradiction] = found.contradictions
    assert (contradiction.difference, contradiction.subject) == ("number", "night bus")
    assert contradiction.earlier.start_s < contradiction.later.start_s
    [clash] = found.clashes
    assert (clash.first.speaker, clash.second.text) == ("ANN", "The night bus doesn't help nurses at all.")
    assert [quote.text for quote in found.unanswered] == ["So tell me, Ann, which drivers would you hire for that bus?"]


async def test_two_people_who_differ_do_not_contradict_themselves() -> None:
    one, other = (
        "A night bus would cost us 2 million dollars a year.",
        "A night bus would cost us 9 million dollars a year.",
    )
    found = await map_debate(said(("ANN", one), ("BEN", other)), WordCounts())
    assert found.contradictions == ()
    assert [(clash.first.speaker, clash.second.speaker) for clash in found.clashes] == [("ANN", "BEN")]


async def test_without_speakers_nobody_is_said_to_contradict_anybody() -> None:
    text = "A night bus would cost us 2 million dollars a year. A night bus would cost us 9 million dollars a year."
    found = await map_debate(said((None, text)), WordCounts())
    assert (found.speakers, found.contradictions, found.clashes) == ((), (), ())


async def test_another_language_gets_the_shares_only() -> None:
    text = "Wir fahren nachts nicht mehr mit dem Bus, weil er zu teuer ist, und das bleibt wohl noch lange Zeit so."
    embedder = WordCounts()
    found = await map_debate(said(("ANN", text), ("BEN", text)), embedder)
    assert [share.share for share in found.speakers] == [0.5, 0.5]
    assert found.arguments == ()
    assert embedder.embedded == 0


LONG = "Well, the garden grows in summer while the neighbours sleep."


@pytest.mark.parametrize(
    ("question", "answer", "left_open"),
    [
        (
            "Did you ban Kate?",
            "The weather is nice, the garden is green and all the neighbours sleep in the summer.",
            True,
        ),
        ("Will you resign?", "The weather is nice.", True),
        ("Did you ban Kate?", "The new emojis look great.", True),
        ("Did you take money from the firm?", "Why were the roads in such a state for years?", True),
        ("Did you take money from the firm?", "That is a lie and I never took a cent.", False),
        ("Have you read the contract?", "Twice, cover to cover.", False),
        ("Did you delete the video?", "It is still up on the channel.", False),
        ("Will you resign?", "The weather is nice. No.", False),
        ("Will you resign?", "I like the work here.", False),
        ("Will you resign?", "Resigning is for cowards.", False),
        ("Will you resign?", "That is for others to say.", False),
        ("Will you resign?", "Never.", False),
        ("Are you sure?", "The weather is nice.", False),
        ("Resign?", "The weather is nice.", False),
    ],
)
async def test_a_plain_question_to_which_the_answer_is_on_something_else(
    question: str, answer: str, left_open: bool
) -> None:
    found = await map_debate(said(("ANN", f"{LONG} {question}"), ("BEN", answer), ("ANN", LONG)), WordCounts())
    assert [quote.text for quote in found.unanswered] == [question] * left_open
