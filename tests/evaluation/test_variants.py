"""Every variant keeps the answer key true to its debate."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import variants  # first: it makes scripts/ importable
from variants import Example, Turn

from make_examples import sentences

RENT_CONTROL = Path(__file__).resolve().parents[2] / "examples" / "rent-control"
VARIANTS = (variants.renamed, variants.renumbered, variants.reordered, variants.resubjected)
SEEDS = range(12)

Variant = Callable[[Example, random.Random], Example]


@pytest.fixture(scope="module")
def example() -> Example:
    return variants.load(RENT_CONTROL)


def assert_quotes_are_said(example: Example) -> None:
    for quote, speaker in variants.quotes(example.key):
        assert any(quote in turn.text for turn in example.turns if speaker in {None, turn.speaker}), quote


def test_the_example_itself_is_consistent(example: Example) -> None:
    assert_quotes_are_said(example)
    assert example.title == example.key["title"]
    assert sum(claim["truth"] == "false" for claim in example.key["claims"]) == 5
    assert len({fallacy["kind"] for fallacy in example.key["fallacies"]}) == len(example.key["fallacies"]) == 8
    assert len(example.key["contradictions"]) == len(example.key["questions_dodged"]) == 1


def test_the_key_holds_the_times_of_its_captions(example: Example) -> None:
    captions = (RENT_CONTROL / "debate.vtt").read_text(encoding="utf-8")
    times = [
        int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        for hours, minutes, seconds in re.findall(r"(\d\d):(\d\d):(\d\d\.\d{3})", captions)
    ]
    assert times == sorted(times)
    for claim in example.key["claims"]:
        assert any(abs(claim["start_s"] - time) < 0.01 for time in times[0::2])
        assert any(abs(claim["end_s"] - time) < 0.01 for time in times[1::2])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_quote_of_a_variant_is_verbatim_in_its_turns(example: Example, variant: Variant, seed: int) -> None:
    other = variant(example, random.Random(seed))
    assert other.turns != example.turns
    assert_quotes_are_said(other)
    assert len(other.turns) == len(example.turns)
    assert other == variant(example, random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_variants_together_still_fit(example: Example, seed: int) -> None:
    rng = random.Random(seed)
    other = example
    for variant in VARIANTS:
        other = variant(other, rng)
    timed = variants.with_times(other)
    assert_quotes_are_said(timed)
    contradiction = timed.key["contradictions"][0]
    assert contradiction["earlier"]["end_s"] < contradiction["later"]["start_s"]
    starts = [chapter["start_s"] for chapter in timed.key["chapters"]]
    assert starts == sorted(starts)
    assert [claim["truth"] for claim in timed.key["claims"]] == [claim["truth"] for claim in example.key["claims"]]


def test_the_article_follows_the_figure() -> None:
    turns = (Turn("ANN", "A 3 percent limit, then an 8 percent limit."),)
    for seed in SEEDS:
        text = variants.renumbered(Example("Limits", turns, {}), random.Random(seed)).turns[0].text
        for article, figure in re.findall(r"(\b[Aa]n?) (\d+)", text):
            assert (article.lower() == "an") == (figure in {"11", "18"} or figure[0] == "8")


def test_a_variant_leaves_the_original_alone(example: Example) -> None:
    again = variants.load(RENT_CONTROL)
    for variant in VARIANTS:
        variants.with_times(variant(example, random.Random(1)))
    assert example == again


def test_other_names_replace_the_old_ones_everywhere(example: Example) -> None:
    other = variants.renamed(example, random.Random(3))
    said = " ".join(f"{turn.speaker} {turn.text}" for turn in other.turns)
    assert not re.search(r"maya|daniel", said, re.IGNORECASE)
    assert other.key["speakers"] == list(dict.fromkeys(turn.speaker for turn in other.turns))


@pytest.mark.parametrize("seed", SEEDS)
def test_other_numbers_keep_their_kind(example: Example, seed: int) -> None:
    other = variants.renumbered(example, random.Random(seed))
    before, after = (" ".join(turn.text for turn in each.turns) for each in (example, other))
    pairs = list(zip(re.findall(r"\d[\d,.]*\d|\d", before), re.findall(r"\d[\d,.]*\d|\d", after), strict=True))
    assert all(old != new for old, new in pairs)
    assert len(set(pairs)) == len({old for old, _ in pairs}) == len({new for _, new in pairs})
    assert all(1950 < int(new) < 2030 for old, new in pairs if re.fullmatch(r"(19|20)\d\d", old))
    assert all(float(share) < 100 for share in re.findall(r"([\d.]+) percent", after))
    contradiction = other.key["contradictions"][0]
    earlier, later = (re.findall(r"\d+", contradiction[half]["quote"]) for half in ("earlier", "later"))
    assert earlier != later
    vienna = next(claim for claim in other.key["claims"] if "Vienna" in claim["quote"])
    said, true = (int(re.findall(r"\d+", vienna[field])[0]) for field in ("quote", "fact"))
    assert max(said, true) >= 1.2 * min(said, true)


def test_reordered_blocks_keep_the_opening_and_the_end(example: Example) -> None:
    other = variants.reordered(example, random.Random(5))
    assert other.turns[0] == example.turns[0]
    assert other.turns[-1] == example.turns[-1]
    assert sorted(other.turns, key=str) == sorted(example.turns, key=str)
    titles = [chapter["title"] for chapter in other.key["chapters"]]
    assert titles != [chapter["title"] for chapter in example.key["chapters"]]


def test_a_contradiction_follows_the_new_order() -> None:
    turns = tuple(Turn("ANN", text) for text in ("It costs 4.", "Now trees.", "It costs 12."))
    key = {
        "contradictions": [{"speaker": "ANN", "earlier": {"quote": "It costs 4."}, "later": {"quote": "It costs 12."}}],
        "chapters": [{"title": text, "quote": text} for text in ("It costs 4.", "Now trees.", "It costs 12.")],
    }
    for seed in SEEDS:
        other = variants.reordered(Example("Trees", turns, key), random.Random(seed))
        halves = other.key["contradictions"][0]
        places = [[turn.text for turn in other.turns].index(halves[half]["quote"]) for half in ("earlier", "later")]
        assert places == sorted(places)


def test_another_subject_keeps_the_articles() -> None:
    turns = (Turn("ANN", "An apartment has a tenant. Rents rose."),)
    other = variants.resubjected(
        Example("Homes", turns, {}), random.Random(0), {"apartment": "channel", "tenant": "owner", "rent": "fee"}
    )
    assert other.turns[0].text == "A channel has an owner. Fees rose."


def test_a_debate_without_the_subject_words_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the subject words"):
        variants.resubjected(Example("Bees", (Turn("ANN", "Bees hum."),), {}), random.Random(0))


def test_captions_run_at_150_words_a_minute(example: Example) -> None:
    captions = variants.to_vtt(example)
    assert captions.startswith("WEBVTT\n\n00:00:00.000 --> ")
    words = sum(len(turn.text.split()) for turn in example.turns)
    pauses_s = variants.PAUSE_S * sum(len(sentences(turn.text)) for turn in example.turns)
    hours, minutes, seconds = re.findall(r"--> (\d\d):(\d\d):(\d\d\.\d{3})", captions)[-1]
    end_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert abs(end_s - (words / 2.5 + pauses_s - variants.PAUSE_S)) < 0.01
