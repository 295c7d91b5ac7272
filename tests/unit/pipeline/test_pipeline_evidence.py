from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, Passage, RecordKind
from udib.core.vectors import Filters
from udib.pipeline.evidence import _SAID_AGAIN, _turns, bears_on, look_up_in, says_again, touched, words_of
from udib.testing.fakes import FakeMemory

SCOPE = Scope.of("acme", "main")


def record(text: str, content: str = "file:1", number: int = 0) -> MemoryRecord:
    return MemoryRecord(RecordKind.TRANSCRIPT, ContentId(content), number, text, 0.0, 9.0, "Talk", "")


def passage(text: str, *matched: str, similarity: float = 0.8) -> Passage:
    return Passage(record(text), 1.0, similarity, matched)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "In 2022 we had 9,000 members, so it is not double.",
            passage("In September 2022 the St. Paul council exempted new buildings.", "2022"),
        ),
        (
            "We banned 43 people last month.",
            passage("If people ban coffee, tea is next.", "banned", "people"),
        ),
        (
            "The bot removes about 300 messages a day.",
            passage("It has 300 channels to this day.", "300", "day"),
        ),
        (
            "Rents rose by four percent in May.",
            passage("Crime rose by four percent in May.", "rose", "four", "percent", "may"),
        ),
        ("Berlin froze the rents in 2020.", passage("Berlin is a city in which the winters are long.", "berlin")),
        ("Twelve million visitors came.", passage("A dozen visitors.", "visitors", "twelve", "million")),
        ("The ferry is the safest way to the island.", passage("Trains and buses are slow.", similarity=0.95)),
    ],
)
def test_a_year_a_figure_or_one_word_in_common_is_no_evidence(statement: str, found: Passage) -> None:
    assert not bears_on(statement, found)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("The server has 700 members.", passage("Our server has 5,000 members.", "server", "members")),
        ("Rents rose by nine percent.", passage("Rents fell by three percent.", "rents", "percent")),
        (
            "The tunnel is safe for cyclists.",
            passage("The tunnel is not safe.", "tunnel", "safe"),
        ),
    ],
)
def test_a_common_subject_is(statement: str, found: Passage) -> None:
    assert bears_on(statement, found)


@pytest.mark.parametrize(
    ("statement", "text", "again"),
    [
        ("Rents rose by nine percent in Vienna.", "Well. Rents rose by nine percent in Vienna! It hurts.", True),
        ("Rents rose by nine percent in Vienna.", "So, rents rose by nine percent in old Vienna.", True),
        ("Rents rose by nine percent in Vienna.", "Rents rose by six percent in Vienna.", False),
        ("Rents rose by 9% in Vienna.", "Rents rose by 6% in Vienna.", False),
        ("The tunnel is safe for all cyclists.", "The tunnel isn't safe for all cyclists.", False),
        ("The tunnel is safe for all cyclists.", "The tunnel is not safe for all cyclists.", False),
        ("Rents rose by nine percent in Vienna.", "In Vienna, nine landlords say that by and large rents rose.", False),
    ],
)
def test_the_same_words_again_are_told_from_other_figures_and_the_opposite(
    statement: str, text: str, again: bool
) -> None:
    assert says_again(statement, text) is again


async def test_a_copy_of_a_talk_does_not_confirm_it() -> None:
    memory = FakeMemory()
    said = "The council closed three ferry lines in spring."
    await memory.remember(
        SCOPE, [record(f"Right. {said}", "file:copy"), record("No ferry line was closed by any council.", "file:other")]
    )
    look_up = look_up_in(memory, SCOPE, without=ContentId("file:talk"))
    [found] = await look_up([said])
    assert [evidence.content_id for evidence in found] == ["file:other"]


async def test_nothing_of_a_copy_is_evidence_for_what_it_repeats() -> None:
    memory = FakeMemory()
    said = ["The council closed three ferry lines in spring.", "Harbor fees doubled under the council."]
    more = "Council members on the ferry laughed about harbor fees and lines."
    await memory.remember(SCOPE, [record(text, "file:copy", number) for number, text in enumerate([*said, more])])
    await memory.remember(SCOPE, [record(text, "file:other", number) for number, text in enumerate([said[0], more])])
    found = await look_up_in(memory, SCOPE, without=ContentId("file:talk"))([*said, "Nobody paid the harbor master."])
    assert [[one.content_id for one in some] for some in found] == [["file:other"], ["file:other"], []]


class TwinMemory(FakeMemory):
    """Finds what several contents say once, as the memory does: the first record, with the others in `also`."""

    async def recall(
        self, scope: Scope, kind: RecordKind, queries: Sequence[str], *, limit: int, filters: Filters
    ) -> list[list[Passage]]:
        found = await super().recall(scope, kind, queries, limit=limit, filters=filters)
        return [[replace(some[0], also=tuple(each.record for each in some[1:]))] if some else [] for some in found]


async def test_a_document_touches_every_content_that_makes_the_claim() -> None:
    memory = TwinMemory()
    claim = "The council closed three ferry lines in spring."
    for content in ("file:1", "file:2", "file:3"):
        await memory.remember(SCOPE, [replace(record(claim, content), kind=RecordKind.CLAIM)])
    document = "No ferry line was closed by the council."
    assert await touched(memory, SCOPE, [document]) == ["file:1", "file:2", "file:3"]
    assert await touched(memory, Scope.of("other", "main"), [document]) == []


async def test_at_most_three_passages_are_given_and_none_of_the_item_itself() -> None:
    memory = FakeMemory()
    texts = [f"Ferry lines number {number} of the council are slow." for number in range(6)]
    await memory.remember(SCOPE, [record(text, f"file:{number}") for number, text in enumerate(texts)])
    look_up = look_up_in(memory, SCOPE, without=ContentId("file:0"))
    [found] = await look_up(["The council closed the ferry lines."])
    assert [evidence.content_id for evidence in found] == ["file:1", "file:2", "file:3"]


def said_again_by_its_definition(statement: str, text: str) -> bool:
    """The rule as it reads: some piece of the text has nearly all words, and none differs that turns the sense."""
    wanted, said = words_of(statement), words_of(text)
    ours = Counter(wanted)
    for at in range(max(len(said) - len(wanted), 0) + 1):
        theirs = Counter(said[at : at + len(wanted)])
        differing = (ours - theirs) + (theirs - ours)
        if (ours & theirs).total() >= _SAID_AGAIN * len(wanted) and not any(map(_turns, differing)):
            return True
    return False


@given(
    st.lists(
        st.sampled_from(["rents", "rose", "in", "vienna", "by", "30", "not", "never", "fell", "the"]), max_size=6
    ).map(" ".join),
    st.lists(
        st.sampled_from(["rents", "rose", "in", "vienna", "by", "30", "not", "never", "fell", "the"]), max_size=16
    ).map(" ".join),
)
def test_a_copy_is_found_wherever_it_stands_in_the_text(statement: str, text: str) -> None:
    assert says_again(statement, text) is said_again_by_its_definition(statement, text)
