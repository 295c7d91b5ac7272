import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.speech import Origin, Quote, Segment, Transcript, Word, stretches

SAID = Transcript(
    (
        Segment(0.0, 4.0, "Good evening. Rents rose 15.5% in 2021", "MAYA"),
        Segment(4.0, 8.0, "and then they didn't rise at all.", "MAYA"),
        Segment(8.0, 10.0, "They rose.", "DANIEL", (Word("They", 8.2, 8.6), Word("rose.", 9.0, 9.6))),
    ),
    Origin.CAPTIONS,
    "captions",
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("rents ROSE 15.5 % in 2021", "Rents rose 15.5% in 2021"),
        ("in 2021 and then they didn\u2019t rise", "in 2021 and then they didn't rise"),
        ("Good evening", "Good evening"),
        ("They rose!", "They rose"),
    ],
)
def test_a_quote_has_the_transcripts_own_words(asked: str, found: str) -> None:
    quote = SAID.quote(asked)
    assert quote is not None
    assert quote.text == found
    assert SAID.holds(quote)


@pytest.mark.parametrize(
    "asked",
    [
        "rents rose 15.5 in 2021",  # the percent sign was said
        "rents rose 16.5% in 2021",
        "and then they did rise at all",
        "rise at all. They rose",  # two speakers
        "evening rents in 2021",  # a gap
        "",
        "...",
    ],
)
def test_what_was_not_said_cannot_be_quoted(asked: str) -> None:
    assert SAID.quote(asked) is None


def test_a_quote_has_its_seconds_by_word_or_by_share() -> None:
    word = SAID.quote("rose.", near_s=9.0)
    shared = SAID.quote("and then")
    assert word is not None
    assert shared is not None
    assert (word.start_s, word.end_s, word.speaker) == (9.0, 9.6, "DANIEL")
    assert shared.start_s == 4.0
    assert 4.5 < shared.end_s < 6.0


def test_near_s_chooses_among_repetitions() -> None:
    near = SAID.quote("rose", near_s=9.0)
    first = SAID.quote("rose")
    assert near is not None
    assert first is not None
    assert (first.first, near.first) == (0, 2)


def test_a_quote_cannot_be_constructed() -> None:
    with pytest.raises(TypeError):
        Quote("invented", 0.0, 1.0, None, 0, 0)  # type: ignore[call-arg]


@pytest.mark.parametrize(("first", "begin", "last", "end"), [(1, 0, 0, 3), (0, 0, 9, 3), (0, 4, 0, 4), (-1, 0, 0, 3)])
def test_a_cut_outside_the_transcript_is_refused(first: int, begin: int, last: int, end: int) -> None:
    with pytest.raises(ValueError, match="segments|empty"):
        SAID.cut(first, begin, last, end)


def test_quotes_and_transcripts_survive_the_journey() -> None:
    quote = SAID.quote("they rose")
    assert quote is not None
    assert msgspec.json.decode(msgspec.json.encode(quote), type=Quote) == quote
    assert msgspec.json.decode(msgspec.json.encode(SAID), type=Transcript) == SAID
    assert pickle.loads(pickle.dumps(quote)) == quote  # noqa: S301 - our own bytes


def test_a_quote_of_another_transcript_is_not_held() -> None:
    quote = SAID.quote("Rents rose")
    assert quote is not None
    other = Transcript((Segment(0.0, 4.0, "Rents fell", "MAYA"),), Origin.CAPTIONS, "captions")
    renamed = Transcript((Segment(0.0, 4.0, SAID.segments[0].text, "DANIEL"),), Origin.CAPTIONS, "captions")
    assert not other.holds(quote)
    assert not renamed.holds(quote)


@given(st.data())
def test_every_cut_is_held_and_lies_inside_its_segments(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.text("ab c.,%1\u00e9", min_size=1).filter(str.strip), min_size=1, max_size=5))
    said = Transcript(
        tuple(Segment(float(at), at + 1.0, text, "A") for at, text in enumerate(texts)), Origin.ASR, "test"
    )
    first = data.draw(st.integers(0, len(texts) - 1))
    last = data.draw(st.integers(first, len(texts) - 1))
    begin = data.draw(st.integers(0, len(texts[first])))
    end = data.draw(st.integers(0, len(texts[last])))
    try:
        quote = said.cut(first, begin, last, end)
    except ValueError:
        return
    assert said.holds(quote)
    assert first <= quote.start_s
    assert quote.end_s <= last + 1


@given(st.text("ab \n", max_size=200), st.integers(1, 5), st.integers(1, 9))
def test_stretches_hold_every_character_within_their_bounds(text: str, words: int, characters: int) -> None:
    found = list(stretches(text, words=words, characters=characters))
    assert "".join("".join(text[start:end].split()) for start, end, _ in found) == "".join(text.split())
    assert all(0 < end - start <= characters and 0 < count <= words for start, end, count in found)


HEARD = Transcript(
    (
        Segment(
            0.0,
            2.0,
            "it cost forty",
            None,
            (Word("it", 0.0, 0.2), Word("cost", 0.2, 1.0), Word("forty", 1.0, 2.0, 0.2, doubtful=True)),
        ),
        Segment(2.0, 3.0, "not four", None, (Word("not", 2.0, 2.5, 0.3, doubtful=True), Word("four", 2.5, 3.0, 0.9))),
    ),
    Origin.ASR,
    "test",
)


@pytest.mark.parametrize(
    ("cut", "doubtful"),
    [
        ((0, 0, 0, 13), (2,)),
        ((0, 0, 0, 7), ()),
        ((0, 3, 1, 8), (1, 2)),
        ((1, 0, 1, 3), (0,)),
        ((1, 4, 1, 8), ()),
    ],
)
def test_a_quote_knows_which_of_its_words_were_not_heard_clearly(
    cut: tuple[int, int, int, int], doubtful: tuple[int, ...]
) -> None:
    quote = HEARD.cut(*cut)
    assert quote.doubtful == doubtful
    assert quote.said_by("Ada").doubtful == doubtful
    assert msgspec.json.decode(msgspec.json.encode(quote), type=Quote) == quote


def test_doubtful_words_are_counted_only_where_a_recogniser_is_sure_of_any() -> None:
    assert HEARD.doubtful_count == 2
    assert SAID.doubtful_count is None
    assert msgspec.json.decode(msgspec.json.encode(HEARD), type=Transcript) == HEARD


def test_words_and_quotes_of_earlier_versions_can_be_read() -> None:
    word = msgspec.json.decode(b'{"text": "free", "start_s": 1, "end_s": 2}', type=Word)
    assert (word.confidence, word.doubtful) == (None, False)
    old = b'{"text": "free", "start_s": 1, "end_s": 2, "speaker": null, "first": 0, "last": 0}'
    assert msgspec.json.decode(old, type=Quote).doubtful == ()
