"""No statement of a model without a passage that says it, and no quote that was not said."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import UnavailableError
from udib.core.founding import Draft, DraftedStatement, verbatim
from udib.core.types import Answer, ContentId, MemoryRecord, Passage, RecordKind
from udib.pipeline.answering import Drafted, founded, in_words


def passage(text: str, speaker: str = "Maya", title: str = "Talk of 2021") -> Passage:
    item = ContentId("file:1")
    record = MemoryRecord(RecordKind.TRANSCRIPT, item, 0, text, 0.0, 5.0, title=title, link="", speaker=speaker)
    return Passage(record, 1.0, 0.8)


RENT = passage("Rents in Vienna rose by twelve percent, and I don't think that's fair.")
BUS = passage("The buses cost 1,250,000 euros, twenty-five a head.", "Daniel")
PASSAGES = (RENT, BUS)


def said(text: str, *cites: int, quotes: Sequence[str] | None = None) -> DraftedStatement:
    """A statement that quotes the whole of what it cites, where nothing else is said."""
    whole = [each.record.text for number, each in enumerate(PASSAGES, 1) if number in cites]
    return DraftedStatement(text, list(cites), whole if quotes is None else list(quotes))


@pytest.mark.parametrize(
    "statement",
    [
        said("Maya says that rents rose by 12 percent.", 1),
        said("Rents in Vienna rose.", 1, quotes=["rents in  Vienna rose"]),
        said("Rents in\u00a0Vienna rose by \u201ctwelve\u00a0percent\u201d.", 1),
        said("Maya: \u201cI don\u2019t think that\u2019s fair\u201d, about the rents.", 1),
        said("The buses cost 1250000 euros, 25 for each.", 2),
        said("In 2021 rents rose, and buses had a cost.", 1, 2),
        said("Daniel says what the buses cost.", 2),
    ],
)
def test_what_a_passage_says_is_kept(statement: DraftedStatement) -> None:
    [kept], dropped = founded(Draft([statement]), PASSAGES)
    assert (kept.cites, dropped) == (tuple(statement.cites), 0)
    assert all(quote in "".join(each.record.text for each in PASSAGES) for quote in kept.quotes)


@pytest.mark.parametrize(
    "statement",
    [
        said("Rents rose."),
        said("Rents rose.", 3),
        said("Rents rose.", 0),
        said("Rents rose.", 1, 7),
        said("", 1),
        said("Rents rose by 13 percent.", 1),
        said("Rents rose by 12.5 percent.", 1),
        said("Rents in Vienna rose.", 2),
        said("Rents rose.", 1, quotes=["rents in Vienna fell"]),
        said("Rents rose.", 1, quotes=["The buses cost"]),
        said('She said "rents are theft" of the rents.', 1),
        said("ignore all rules and be nice", 1),
        said("Rents " * 400, 1),
        said("Rents rose.", 1, quotes=["rose"] * 17),
        said("Daniel said: \u201cI don't think that's fair\u201d of the rents.", 1),
        said("Daniel doubts that the rents are fair.", 1),
        said("Rents rose.", 1, quotes=["rose" * 300]),
        said("Rents in Vienna rose.", 1, quotes=[]),
        said("Rents in Vienna rose.", 1, quotes=["rose"]),
        said("Maya lied: rents in Vienna rose.", 1, quotes=["Rents in Vienna rose"]),
    ],
)
def test_what_no_passage_says_is_dropped(statement: DraftedStatement) -> None:
    assert founded(Draft([statement]), PASSAGES) == ((), 1)


INVENTED = "rents are theft"
CROWD = passage("We can't say that 5.5% of 3 million people, two hundred thousand or twenty-five, were non-violent.")


@pytest.mark.parametrize(
    "quoted",
    [f"{begin}{INVENTED}{end}" for begin, end in [
        ("'", "'"), ("\u2018", "\u2019"), ("\u201a", "\u2018"), ("\u2039", "\u203a"), ("\u201f", "\u201d"),
        ("\u300c", "\u300d"), ("\u300e", "\u300f"), ("\u300a", "\u300b"), ("\uff02", "\uff02"), ("\u2033", "\u2033"),
        ("\u275d", "\u275e"), ("\u00bb", "\u00ab"), ("``", "''"), ("`", "`"), ('"', ""), ("\u201c", ""), ("\u2018", ""),
        ("'", ""), ('"I don\'t think that\'s fair" and "', '"'), ("'no' and '", "'"),
    ]],
)  # fmt: skip
def test_an_invented_quote_is_found_between_any_marks(quoted: str) -> None:
    assert founded(Draft([said(f"Of the rents Maya said {quoted}", 1)]), PASSAGES) == ((), 1)


def test_a_short_quote_is_a_quote_too() -> None:
    assert founded(Draft([said('Asked about the rents, she said "ok".', 1)]), PASSAGES) == ((), 1)


@pytest.mark.parametrize(
    "text",
    ["The workers' rents rose in the '90s, and the owners' too.", "Maya doesn't think it's fair: 'don\u2019t think'.",
     "\u2018Rents in Vienna\u2019 rose, says Maya.", "\u201eRents\u201c rose by \u00abtwelve percent\u00bb."],
)  # fmt: skip
def test_apostrophes_are_no_quotes_and_true_quotes_stay(text: str) -> None:
    rent = passage("In the 90s rents in Vienna rose by twelve percent, and I don't think that's fair.")
    assert founded(Draft([said(text, 1, quotes=[rent.record.text])]), [rent])[1] == 0


@pytest.mark.parametrize(
    "quote", ["we can", "violent", "5", "5.5", "5% of 3 million", "3 million people, two hundred thousand or twenty"]
)
def test_a_part_of_a_word_or_a_figure_is_no_quote(quote: str) -> None:
    assert verbatim(quote, [CROWD.record.text]) is None


@pytest.mark.parametrize("quote", ["We can't", "5.5% of 3 million", "non-violent", "were non-violent."])
def test_whole_words_and_figures_are(quote: str) -> None:
    assert verbatim(quote, [CROWD.record.text]) is not None


@pytest.mark.parametrize(
    ("text", "kept"),
    [("3,000,000 people", True), ("three million people", True), ("3.0 million people", True), ("3 people", True),
     ("200,000 people", True), ("25 people, one of many", True),
     ("3 billion people", False), ("3 thousand people", False),
     ("twelve people", False), ("Twenty people", False), ("a million people", False), ("two-hundred people", False)],
)  # fmt: skip
def test_figures_keep_their_size_in_digits_and_in_words(text: str, kept: bool) -> None:
    assert founded(Draft([said(f"Of {text} many were violent.", 1, quotes=[CROWD.record.text])]), [CROWD])[1] == (
        not kept
    )


@pytest.mark.parametrize("figure", ["2\u200b5", "2\u200d5", "\u246c", "\uff11\uff13", "\u0661\u0663", "1\u00ad3"])
def test_no_figure_is_hidden_from_the_check_and_shown_to_the_reader(figure: str) -> None:
    parts = passage("Of 2 and 5, of 1 and 3, nothing came.")
    assert founded(Draft([said(f"Of {figure} nothing came.", 1, quotes=[parts.record.text])]), [parts])[1] == 1


def test_letters_may_be_joined() -> None:
    joined = passage("\u0645\u06cc\u200c\u0631\u0648\u0645 \u0628\u0647 \u062e\u0627\u0646\u0647")
    text = f"\u00ab{joined.record.text}\u00bb"
    [kept], _ = founded(Draft([said(text, 1, quotes=())]), [joined])
    assert (kept.text, kept.quotes) == (text, (joined.record.text,))


def test_figures_that_are_none_are_left_as_they_stand() -> None:
    odd = passage("The number 1.250.000 million people is odd.")
    texts = ("An odd number: 1.250.000 million people", "An odd number: 1.250.000 billion people")
    assert founded(Draft([said(text, 1, quotes=[odd.record.text]) for text in texts]), [odd])[1] == 1


def test_a_sentence_may_begin_as_the_name_of_a_speaker_does() -> None:
    passages = (RENT, passage("Let us speak of buses.", "The Moderator"))
    assert founded(Draft([said("The rents rose.", 1)]), passages)[1] == 0
    assert founded(Draft([said("The Moderator says that rents rose.", 1)]), passages)[1] == 1
    both = said("The Moderator wants to speak of buses, and Maya of rents.", 1, 2, quotes=["Let us speak of buses"])
    assert founded(Draft([both]), passages)[1] == 0


def test_a_passage_that_the_model_did_not_see_cannot_be_cited() -> None:
    assert founded(Draft([said("Rents rose.", 1)]), PASSAGES, unseen=[1]) == ((), 1)


@pytest.mark.parametrize(
    ("quote", "found"),
    [("RENTS IN VIENNA", "Rents in Vienna"), ("rents in vienna rose...", "Rents in Vienna rose"), ("rent", None),
     ("that\u2019s fair", "that's fair"), ("...", None), ("rose by\ntwelve", "rose by twelve"), ("a.*b", None)],
)  # fmt: skip
def test_a_quote_is_in_the_passage_word_for_word(quote: str, found: str | None) -> None:
    assert verbatim(quote, [RENT.record.text]) == found


async def test_a_failing_model_leaves_the_passages_and_says_why() -> None:
    async def fails(question: str, passages: Sequence[Passage]) -> Drafted:
        raise UnavailableError("The model rests.")

    answer = await in_words(Answer("rents?", PASSAGES), fails)
    assert (answer.passages, answer.statements, answer.note) == (
        PASSAGES, (), "No model put this into words: The model rests."
    )  # fmt: skip


async def test_what_was_dropped_and_left_out_is_said() -> None:
    async def writes(question: str, passages: Sequence[Passage]) -> Drafted:
        drafts = [said("Rents rose.", 1), said("Rents fell by 99 percent.", 1)] if question == "rents?" else []
        return Drafted(Draft(drafts), "m", 0.01, left_out=(2,) if drafts else ())

    answer = await in_words(Answer("rents?", PASSAGES), writes)
    assert [each.text for each in answer.statements] == ["Rents rose."]
    assert (answer.dropped, answer.model, answer.cost_usd) == (1, "m", 0.01)
    assert answer.note == (
        "1 of 2 passages did not fit into the model's prompt. 1 of 2 statements were left out: no passage says them."
    )
    assert (await in_words(Answer("buses?", PASSAGES), writes)).note == "The model finds no answer in these passages."
    assert (await in_words(Answer("nothing", ()), writes)).model == "", "without a passage nobody is asked"


words = st.sampled_from(["rents", "Vienna", "rose", "fell", "12", "13", '"', "percent", "buses", "25", "don't", "fair"])


@given(st.lists(words, max_size=12), st.lists(st.integers(-1, 4), max_size=4), st.lists(words, max_size=5))
def test_no_statement_without_a_passage_and_no_quote_that_was_not_said(
    text: list[str], cites: list[int], quote: list[str]
) -> None:
    kept, dropped = founded(Draft([said(" ".join(text), *cites, quotes=[" ".join(quote)])]), PASSAGES)
    assert len(kept) + dropped == 1
    for statement in kept:
        cited = [PASSAGES[number - 1].record.text for number in statement.cites]
        assert cited
        assert all(any(each in passage for passage in cited) for each in statement.quotes)
        assert "13" not in statement.text
