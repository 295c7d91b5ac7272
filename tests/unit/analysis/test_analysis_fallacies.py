import pytest
from analysis_talk import said

from udib.analysis.fallacies import cue_in, fallacy_hints, hints_in
from udib.analysis.sentences import sentences
from udib.core.findings import Fallacies, FallacyKind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I won't take lessons on schools from someone who never had kids.", FallacyKind.AD_HOMINEM),
        ("Of course you would say that, you work for them.", FallacyKind.AD_HOMINEM),
        ("What you really want is to close every library.", FallacyKind.STRAW_MAN),
        ("So you just want everybody to go hungry.", FallacyKind.STRAW_MAN),
        ("Today it's a small fee, tomorrow it's your whole pension.", FallacyKind.SLIPPERY_SLOPE),
        ("If we allow one exception, soon there will be no stopping it.", FallacyKind.SLIPPERY_SLOPE),
        ("Either we close the plant or we accept that children will be ill.", FallacyKind.FALSE_DILEMMA),
        ("There are only two options here, war or surrender.", FallacyKind.FALSE_DILEMMA),
        ("That's how all these companies are, they cheat.", FallacyKind.HASTY_GENERALIZATION),
        ("Which just goes to show you can't rely on them.", FallacyKind.HASTY_GENERALIZATION),
        ("A million viewers can't all be wrong about it.", FallacyKind.APPEAL_TO_POPULARITY),
        ("Everybody knows that by now, don't they.", FallacyKind.APPEAL_TO_POPULARITY),
        ("That's the way it has always been done here.", FallacyKind.APPEAL_TO_TRADITION),
        ("Our grandparents never needed any of this stuff.", FallacyKind.APPEAL_TO_TRADITION),
        ("If it's good enough for Einstein, it's good enough.", FallacyKind.APPEAL_TO_AUTHORITY),
        ("My dentist says the bridge is unsafe.", FallacyKind.APPEAL_TO_AUTHORITY),
        ("Won't somebody please think of the children here?", FallacyKind.APPEAL_TO_EMOTION),
        ("There will be blood on your hands after this.", FallacyKind.APPEAL_TO_EMOTION),
        ("And what about your own record on crime?", FallacyKind.WHATABOUTISM),
        ("You are a fine one to talk about honesty.", FallacyKind.WHATABOUTISM),
        ("It's no coincidence that it rained after they came.", FallacyKind.FALSE_CAUSE),
        ("You own three boats, so why would anyone listen to you?", FallacyKind.AD_HOMINEM),
        ("Right, so Bruno thinks we should sell the harbor.", FallacyKind.STRAW_MAN),
        ("First it's the fish, then it's the boats.", FallacyKind.SLIPPERY_SLOPE),
        ("Thousands of us swim there, so it must be clean.", FallacyKind.APPEAL_TO_POPULARITY),
        ("We've always rowed, so that's what we should do.", FallacyKind.APPEAL_TO_TRADITION),
        ("My barber, a wise man, says it sinks, so that's settled.", FallacyKind.APPEAL_TO_AUTHORITY),
        ("Picture a toddler coughing in the dark down there.", FallacyKind.APPEAL_TO_EMOTION),
        ("You lot fix the pier before you come preaching to me.", FallacyKind.WHATABOUTISM),
        ("You are only against the pier because you own a boat.", FallacyKind.AD_HOMINEM),
        ("If we let in one boat, all the others will follow.", FallacyKind.SLIPPERY_SLOPE),
        ("If a net doesn't catch everyone, it is useless.", FallacyKind.FALSE_DILEMMA),
        ("Two sick fish are enough to draw general conclusions.", FallacyKind.HASTY_GENERALIZATION),
        ("Ask any sailor here, they will all tell you.", FallacyKind.APPEAL_TO_AUTHORITY),
        ("My uncle said that the harbor should be closed.", FallacyKind.APPEAL_TO_AUTHORITY),
        ("You would not want your own daughter to suffer there.", FallacyKind.APPEAL_TO_EMOTION),
        ("Therefore the new ferry caused the illness.", FallacyKind.FALSE_CAUSE),
        ("The ferry came, and right after that two bars closed, so we know what ferries do.", FallacyKind.FALSE_CAUSE),
    ],
)
def test_cues_give_a_hint_of_their_kind(text: str, kind: FallacyKind) -> None:
    [hint] = hints_in(sentences(said(("A", text))))
    assert hint.kind is kind
    assert hint.cue in text.casefold()
    assert hint.innocent_reading


@pytest.mark.parametrize(
    "text",
    [
        "What do you want to do about the buttons?",
        "We have always had two meetings on a Monday.",
        "First we open the door and then we close it again.",
        "Everybody has a copy of the agenda in front of them.",
        "Rents rose after the law was passed, said the report.",
        "I'm not saying that everybody knows that already.",
        "What about the second item on our list?",
        "You are right about the numbers in that table.",
        "And so I think we should start with the second list.",
        "Right, so you want to see the agenda?",
        "We fixed the buttons before you asked about them.",
        "Wrong!",
        "So it would be nice if we have one for all.",
        "My brother said he would bring the tickets.",
        "You would not want the form to be empty.",
        "Either way we meet on Monday, or it is Tuesday.",
        "If we pick one colour, the others stay in the box.",
    ],
)
def test_ordinary_talk_gives_none(text: str) -> None:
    assert list(hints_in(sentences(said(("A", text))))) == []


@pytest.mark.parametrize(("per_hour", "shown"), [(3, 6), (1, 2)])
async def test_only_the_most_confident_hints_are_kept_and_the_rest_is_counted(per_hour: int, shown: int) -> None:
    turns = [("AB"[n % 2], "That's the way it has always been done here.") for n in range(9)]
    strong = "I won't take lessons on schools from someone who never had kids."
    found = await fallacy_hints(said(*turns, ("A", strong)), per_hour=per_hour)
    assert len(found.hints) == shown
    assert found.withheld == 10 - shown
    assert found.hints[-1].quote.text == strong


async def test_none_an_hour_means_none() -> None:
    found = await fallacy_hints(said(("A", "That's the way it has always been done here.")), per_hour=0)
    assert found == Fallacies((), off=True)


async def test_a_threshold_above_the_rules_silences_them() -> None:
    found = await fallacy_hints(said(("A", "That's the way it has always been done here.")), threshold=0.99)
    assert found.hints == ()


@pytest.mark.parametrize(
    "text",
    [
        "People say you are either with us or against us, and that is a silly way to think.",
        "You could say everybody does it, but that is no excuse.",
    ],
)
def test_no_hint_on_what_its_speaker_rejects(text: str) -> None:
    assert cue_in(text) is None
