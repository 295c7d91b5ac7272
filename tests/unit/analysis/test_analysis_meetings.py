import pytest
from analysis_talk import WordCounts, said
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.debate import map_debate
from udib.analysis.interruptions import interruptions
from udib.analysis.sentences import sentences
from udib.core.findings import Interruption, InterruptionSign
from udib.core.speech import Origin, Segment, Transcript, Word

NURSES = "The bus is cheap. Nurses need the night bus badly."


def broke_in(*segments: Segment, timed: bool = True) -> tuple[Interruption, ...] | None:
    transcript = Transcript(segments, Origin.CAPTIONS, "test", timed=timed)
    return interruptions(transcript, sentences(transcript))


def marked(first: str, second: str, third: str) -> tuple[Interruption, ...] | None:
    transcript = said(("ANN", first), ("BEN", second), ("ANN", third))
    return interruptions(transcript, sentences(transcript))


@pytest.mark.parametrize("mark", ["-", "--", " --", "\u2014", "\u2013", "\u2014\u201d"])
def test_a_turn_that_ends_with_a_dash_was_broken_in_on(mark: str) -> None:
    found = marked(f"Nurses work late. They need{mark}", "Who pays for it all?", "a night bus.")
    assert found is not None
    [only] = found
    assert (only.broken.text, only.broken.speaker) == (f"They need{mark}", "ANN")
    assert (only.into.text, only.into.speaker) == ("Who pays for it all?", "BEN")
    assert only.sign is InterruptionSign.CUT_SHORT


@pytest.mark.parametrize("heard", ["Yeah.", "Oh, right.", "Go on.", "Yeah, yeah, of course, exactly."])
def test_who_only_listens_does_not_break_in(heard: str) -> None:
    assert marked("Nurses work late, and they need \u2014", heard, "a night bus.") == ()


def test_three_dots_trail_off_unless_the_sentence_goes_on() -> None:
    second = "Who pays for it all?"
    assert marked("They need, well...", second, "Nobody knows.") is None
    assert marked("They need...", second, "... a night bus.") != ()
    assert [each.broken.text for each in marked("They need\u2026", second, "a night bus.") or ()] == ["They need\u2026"]


def test_who_does_not_go_on_was_not_seen_to_be_broken_in_on() -> None:
    transcript = said(("ANN", "They need \u2014"), ("BEN", "Who pays for it all?"), ("CLEO", "Let us go on."))
    assert interruptions(transcript, sentences(transcript)) == ()


@pytest.mark.parametrize(("end_s", "count"), [(4.2, 0), (4.9, 0), (5.5, 1), (9.0, 1)])
def test_who_begins_well_before_the_other_ends_breaks_in(end_s: float, count: int) -> None:
    found = broke_in(Segment(0, end_s, NURSES, "ANN"), Segment(4, 9, "And who pays for it?", "BEN"))
    assert found is not None
    assert len(found) == count
    assert all(each.sign is InterruptionSign.OVERLAP for each in found)


def test_the_times_of_words_count_before_those_of_captions() -> None:
    words = tuple(Word(text, at * 0.4, at * 0.4 + 0.3) for at, text in enumerate(NURSES.split()))
    assert broke_in(Segment(0, 9, NURSES, "ANN", words), Segment(4, 9, "And who pays for it?", "BEN")) is None


def test_times_of_captions_that_stay_on_the_screen_tell_nothing() -> None:
    held = [Segment(at * 4, at * 4 + 6, NURSES, "ANN" if at < 5 else "BEN") for at in range(10)]
    assert broke_in(*held) is None
    assert broke_in(*(Segment(at * 4, at * 4 + 6, NURSES, "AB"[at % 2]) for at in range(10))) is None


def test_without_times_marks_or_names_it_cannot_be_told() -> None:
    overlapping = (Segment(0, 8, NURSES, "ANN"), Segment(4, 9, "And who pays for it?", "BEN"))
    assert broke_in(*overlapping, timed=False) is None
    assert broke_in(*(Segment(each.start_s, each.end_s, each.text) for each in overlapping)) is None
    assert marked("They need it.", "Who pays for it all?", "Nobody knows.") is None


turn = st.tuples(
    st.sampled_from(["ANN", "BEN", None]),
    st.sampled_from(["I say \u2014", "Well...", "No.", "and so it goes on --", "Why?"]),
)


@given(st.lists(turn, max_size=12))
def test_nobody_breaks_in_on_himself_or_without_a_name(turns: list[tuple[str | None, str]]) -> None:
    transcript = said(*turns)
    for each in interruptions(transcript, sentences(transcript)) or ():
        assert transcript.holds(each.broken)
        assert transcript.holds(each.into)
        assert {each.broken.speaker, each.into.speaker} == {"ANN", "BEN"}


async def agreed(*turns: tuple[str | None, str]) -> list[tuple[str, str]]:
    found = await map_debate(said(*turns), WordCounts())
    return [(each.said.text, each.agreed.text) for each in found.agreements]


@pytest.mark.parametrize(
    "answer",
    [
        "I agree that nurses need the night bus.",
        "I agree with Ann that nurses need the night bus, but who pays?".replace("?", "."),
        "Yes, I completely agree with you that nurses need the bus at night.",
        "Ann is right that nurses badly need that bus.",
        "You're right about the night bus for nurses.",
        "Exactly.",
        "Fair point.",
        "That's a fair point, but who is going to pay for it all the year.",
        "Well, that's true.",
        "You\u2019re absolutely right.",
    ],
)
async def test_agreement_is_tied_to_what_is_agreed_with(answer: str) -> None:
    found = await agreed(("ANN", NURSES), ("BEN", answer))
    assert found == [("Nurses need the night bus badly.", answer)]


@pytest.mark.parametrize(
    "answer",
    [
        "I don't agree that nurses need the night bus.",
        "I agree that nurses do not need the night bus.",
        "I agree to pay for it.",
        "I agree that taxes should fall.",
        "I'm with Ann on one thing, the night here is long.",
        "I agree on nothing.",
        "I agree with Cleo that nurses need the night bus.",
        "I agree with Ann.",
        "He's right about the night bus for nurses.",
        "You're right-handed.",
        "Exactly the opposite is the case.",
        "Absolutely not.",
        "You're right about the night bus, aren't you?",
        "We talked. We met. I agree.",
    ],
)
async def test_what_is_no_clear_agreement_is_left_out(answer: str) -> None:
    assert await agreed(("ANN", NURSES), ("BEN", answer)) == []


@pytest.mark.parametrize("before", ["Do nurses need the night bus?", "Good evening!", " ".join([NURSES] * 3)])
async def test_a_bare_yes_to_a_question_a_greeting_or_a_long_speech_agrees_with_nothing_certain(before: str) -> None:
    assert await agreed(("ANN", before), ("BEN", "Exactly."), ("ANN", "Good.")) == []


async def test_who_agrees_with_a_named_speaker_may_speak_after_others() -> None:
    found = await agreed(
        ("ANN", NURSES), ("BEN", "Who pays for it?"), ("CLEO", "Ann is right that nurses need the bus.")
    )
    assert found == [("Nurses need the night bus badly.", "Ann is right that nurses need the bus.")]
    assert await agreed((None, NURSES), ("BEN", "Exactly.")) == []
    assert await agreed(("ANN", NURSES), (None, "Exactly.")) == []


async def test_the_questions_put_to_others_are_counted() -> None:
    found = await map_debate(
        said(
            ("ANN", "What is a bus? It is a car. So which drivers would you hire for the night bus?"),
            ("BEN", "Our town has a fine old harbor with a lighthouse, and tourists love it. Would you go there?"),
            ("ANN", "No."),
        ),
        WordCounts(),
    )
    assert [(each.speaker, each.questions, each.put) for each in found.speakers] == [("ANN", 2, 1), ("BEN", 1, 1)]
    assert [quote.speaker for quote in found.unanswered] == ["ANN"]


async def test_another_language_has_interruptions_but_no_put_questions() -> None:
    german = "Wir fahren nachts nicht mehr mit dem Bus, weil er zu teuer ist, und das bleibt wohl so \u2014"
    found = await map_debate(said(("ANN", german), ("BEN", german), ("ANN", german)), WordCounts())
    assert [each.put for each in found.speakers] == [None, None]
    assert found.interruptions is not None
    assert len(found.interruptions) == 1
