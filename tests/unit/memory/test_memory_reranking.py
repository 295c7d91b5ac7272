"""Which candidates answer a question, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Hit
from udib.memory.lexical import stems
from udib.memory.reranking import Candidate, Weights, bearing, best_first, candidates, spread

DAY = 86_400.0


def record(number: int, text: str = "Rent works.", item: str = "file:1", date: str | None = None) -> MemoryRecord:
    return MemoryRecord(
        RecordKind.TRANSCRIPT,
        ContentId(item),
        number,
        text,
        start_s=10.0 * number,
        end_s=10.0 * number + 5,
        title="",
        link="",
        published_at=date,
    )


def candidate(number: int, score: float = 1.0, similarity: float = 0.5, **more: str) -> Candidate:
    made = record(number, **more)
    return Candidate(f"{made.content_id} {number}", made, stems(made.text), similarity, score, float(number))


def scores(hits: list[tuple[float, float]], records: list[MemoryRecord]) -> list[float]:
    found = [Hit(str(n), 0.0, cosine, {}, words) for n, (words, cosine) in enumerate(hits)]
    return [each.score for each in candidates(found, records)]


def test_a_candidate_among_others_of_its_item_goes_before_an_equal_one_alone() -> None:
    records = [record(10), record(11), record(2000), record(12, item="file:2")]
    among, _, alone, elsewhere = scores([(2.0, 0.7), (3.0, 0.7), (2.0, 0.7), (2.0, 0.7)], records)
    assert among > alone
    assert alone == elsewhere


def test_how_far_apart_records_are_is_counted_in_words() -> None:
    turns = [record(10, "Rent works."), record(30, "Rent works."), record(900, "Rent works.")]
    lecture = [record(each.number, "Rent works. " * 30) for each in turns]
    hits = [(2.0, 0.7), (3.0, 0.7), (2.0, 0.7)]
    among, _, alone = scores(hits, turns)
    assert among > alone
    far, _, alone = scores(hits, lecture)
    assert far == alone


def test_equal_candidates_and_a_single_one_have_a_score_too() -> None:
    assert scores([], []) == []
    assert scores([(0.0, 0.5)], [record(0)]) == [1.0]
    assert len(set(scores([(1.0, 0.5)] * 3, [record(0), record(1000), record(2000)]))) == 1


def test_an_item_bears_on_a_question_or_it_does_not() -> None:
    bears = candidate(1, similarity=0.6)
    near = candidate(2, similarity=0.5, text="It keeps flats cheap.")
    far = candidate(3, similarity=0.4, text="Hello everybody.")
    foreign = candidate(1, similarity=0.8, text="Trees grow.", item="file:2")
    assert bearing([near, bears, far, foreign], ["rent"]) == [near, bears]
    assert bearing([near, far, foreign], ["rent"]) == []
    assert bearing([near, far, foreign], []) == [near, far, foreign]
    assert bearing([foreign], ["rent"], Weights(similar_from=0.8)) == [foreign]


def test_words_that_only_frame_a_question_do_not_bear_on_it() -> None:
    framed = candidate(1, text="I propose that we go on.")
    subject = candidate(1, text="The rents are high.", item="file:2")
    assert bearing([framed, subject], ["propose", "rents"]) == [subject]
    assert bearing([framed, subject], ["propose"]) == [framed]


def test_passages_of_the_same_place_stand_behind_those_of_other_places() -> None:
    first, beside, away, other = candidate(5), candidate(15), candidate(16), candidate(5, item="file:2")
    assert spread([first, beside, away, other], 10) == [first, away, other, beside]
    assert spread([first, beside], 0) == [first, beside]


def test_a_half_life_halves_a_score() -> None:
    old, new, undated = candidate(1, 1.0, date="2024-01-01"), candidate(2, 0.9, date="2024-01-11"), candidate(3, 0.6)
    now = 1704067200.0 + 10 * DAY
    assert best_first([undated, new, old], now, None) == [old, new, undated]
    ranked = best_first([undated, new, old], now, 10.0)
    assert [(each.record.number, round(each.score, 6)) for each in ranked] == [(2, 0.9), (3, 0.6), (1, 0.5)]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["file:1", "file:2"])), unique=True), st.integers(0, 12))
def test_spreading_loses_and_doubles_nothing(places: list[tuple[int, str]], apart: int) -> None:
    found = [candidate(number, item=item) for number, item in places]
    assert sorted(each.id for each in spread(found, apart)) == sorted(each.id for each in found)
    assert spread(found, apart)[:1] == found[:1]
