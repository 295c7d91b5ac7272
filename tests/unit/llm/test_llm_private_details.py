"""Private details are found, and nothing that a talk is about is taken for one."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from udib.llm.account_numbers import cards, ibans, passes_luhn, passes_mod_97
from udib.llm.private_details import private_details

EXAMPLES = Path(__file__).parents[3] / "examples"


def found(text: str, regions: tuple[str, ...] = ("US", "GB")) -> list[tuple[str, str]]:
    return [(each.kind.value, text[each.start : each.end]) for each in private_details(text, regions)]


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("EMAIL", "ann@example.org"),
        ("EMAIL", "ann.o'neil+talks@mail.example.co.uk"),
        ("EMAIL", "müller@straße.example"),
        ("PHONE", "(212) 736-5000"),
        ("PHONE", "415-555-2671"),
        ("PHONE", "212.736.5000"),
        ("PHONE", "650 253 0000"),
        ("PHONE", "+1 650 253 0000"),
        ("PHONE", "1-800-356-9377"),
        ("PHONE", "020 7031 3000"),
        ("PHONE", "+44 20 7946 0958"),
        ("PHONE", "+49 30 901820"),
        ("PHONE", "+33 1 44 43 10 00"),
        ("PHONE", "+16502530000"),
        ("PHONE", "650-253-0000 ext. 1234"),
        ("ADDRESS", "1600 Pennsylvania Avenue NW, Washington, DC 20500"),
        ("ADDRESS", "12 Main St, Springfield, IL 62701"),
        ("ADDRESS", "350 Fifth Avenue, New York, NY 10118"),
        ("ADDRESS", "1 Infinite Loop, Cupertino, California"),
        ("ADDRESS", "221B Baker Street, London NW1 6XE"),
        ("ADDRESS", "10 Downing Street, London, SW1A 2AA"),
        ("ADDRESS", "42 Elm Street"),
        ("ADDRESS", "742 Evergreen Terrace"),
        ("ADDRESS", "PO Box 123, Austin, TX 78701"),
        ("ADDRESS", "300 Post Street\nSan Francisco, CA 94108"),
        ("CARD", "4111111111111111"),
        ("CARD", "4111 1111 1111 1111"),
        ("CARD", "5555-5555-5555-4444"),
        ("CARD", "378282246310005"),
        ("CARD", "3782 822463 10005"),
        ("CARD", "30569309025904"),
        ("CARD", "6011111111111117"),
        ("CARD", "3530111333300000"),
        ("ACCOUNT", "DE89370400440532013000"),
        ("ACCOUNT", "DE89 3704 0044 0532 0130 00"),
        ("ACCOUNT", "GB82 WEST 1234 5698 7654 32"),
        ("ACCOUNT", "NO9386011117947"),
        ("ACCOUNT", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "It is {}.", "Write to ({}), please!", "[12.5] He said: {}, AND so on"])
def test_a_detail_is_found_whole(kind: str, detail: str, around: str) -> None:
    assert found(around.format(detail)) == [(kind, detail)]


@pytest.mark.parametrize(
    "text",
    [
        "The vote was 81,282,916 to 74,223,975 in 2020, and 65 853 514 to 62 984 828 in 2016.",
        "00:12:34.567 --> 00:12:36.789",
        "[1234.5 s - 1236.0 s] from second 4070 to 4081",
        "1,204,312 votes, $2,345,678,901 and 10 234 567 890 people",
        "between 1914-1918 and 2016-2020, in 1600 1700 1800 and 1900",
        "ISBN 978-3-16-148410-0, order 2024567890, video 7301234567890123456",
        "a population of 331 449 281, pages 202-456, a score of 21-14 7-6 3-5",
        "2026-11-25 08:01:37 UTC, 1795593029, 1795592721.736, 1795593029123",
        "0.1428571428 and 3.14159265358979, 11/25/2026, 25.11.2026",
        "https://x.example/watch?v=4155552671&t=2125550100#4155552671 and issue #4155552671",
        "call 911, dial 311, or text 40404",
        "in channel 417719834231439360 of guild 541199342881374208",
        "at 10 per cent of 2,125,550,100 dollars, or -4155552671",
        "In 2008 Wall Street crashed, or so they say. In 2008 Wall Street, New York, fell.",
        "There were 5 people on Main Street, 20 million in New York, NY, and 4 in 10 Americans live in Texas.",
        "The 1964 Civil Rights Act in Washington, DC; Route 66 to Los Angeles, California",
        "In 2016 Hillary Clinton won New York, NY by 20 points; on 12 March he drove to Dallas, TX.",
        "one s ten second, or twenty five Euros for a remote is really cheap or",
        "40 per cent drop in the 3 Court cases, 7 Days a Week Drive, he said in Austin",
        "@user@mastodon.example said so, @ann, foo@bar, 5 @ 3, https://medium.example/@ann",
        "4111111111111112, 1234 5678 9012 3456, DE89370400440532013001, XX89370400440532013000",
    ],
)
def test_what_a_talk_is_about_stays(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("word", ["call", "Phone:", "text me at", "his mobile is", "fax no.", "WhatsApp"])
def test_ungrouped_digits_are_a_phone_number_if_somebody_is_called(word: str) -> None:
    assert found(f"{word} 6502530000 today") == [("PHONE", "6502530000")]
    assert found(f"{word} 911. The count was 6502530000 today") == []


def test_a_number_without_its_country_is_known_in_the_regions_named() -> None:
    assert found("ring 030 901820 in Berlin") == []
    assert found("ring 030 901820 in Berlin", ("DE",)) == [("PHONE", "030 901820")]
    assert found("call 415-555-2671 or +49 30 901820", ("DE",)) == [("PHONE", "+49 30 901820")]


@pytest.mark.parametrize(
    ("text", "detail"),
    [("card:4111111111111111", ("CARD", "4111111111111111")), ("card=#4111111111111111", ("CARD", "4111111111111111")),
     ("4111\xa01111\xa01111\xa01111", ("CARD", "4111\xa01111\xa01111\xa01111")),
     ("write/ann@example.org", ("EMAIL", "ann@example.org"))],
)  # fmt: skip
def test_a_detail_may_follow_a_sign_and_have_blanks_that_do_not_break(text: str, detail: tuple[str, str]) -> None:
    assert found(text) == [detail]


def test_details_that_touch_are_apart() -> None:
    text = "ann@example.org 650-253-0000 12 Main St, Springfield, IL 62701, 4111 1111 1111 1111"
    kinds = [kind for kind, _ in found(text)]
    assert kinds == ["EMAIL", "PHONE", "ADDRESS", "CARD"]


def test_one_street_after_another() -> None:
    text = "He lives at 12 Elm Street and works at 14 Court Street NW; she had 5 friends on 3rd Street."
    assert found(text) == [("ADDRESS", "12 Elm Street"), ("ADDRESS", "14 Court Street NW")]


def test_a_text_full_of_house_numbers_is_redacted_without_a_long_look() -> None:
    text = "12 Elm Street and " * 300
    assert found(text) == [("ADDRESS", "12 Elm Street")] * 300


def test_check_digits() -> None:
    assert passes_luhn("79927398713")
    assert not any(passes_luhn(f"7992739871{digit}") for digit in "012456789")
    assert passes_mod_97("GB82WEST12345698765432")
    assert not passes_mod_97("GB28WEST12345698765432")
    assert list(cards("4222222222222")) == [(0, 13)]
    assert list(ibans("Ⅳ DE89 3704 0044 0532 0130 00X")) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.[tv][xt]t")), ids=lambda path: path.name)
def test_the_examples_are_left_as_they_are(path: Path) -> None:
    assert found(path.read_text(encoding="utf-8")) == []


def test_forty_hours_of_meetings_are_left_as_they_are(eval_data: Path) -> None:
    with gzip.open(eval_data / "retrieval" / "qmsum-val.jsonl.gz", "rt", encoding="utf-8") as lines:
        turns = [turn for line in lines for turn in json.loads(line)["turns"]]
    assert found("\n".join(f"{speaker}: {said}" for speaker, said in turns)) == []


def test_captions_of_all_forms_are_left_as_they_are(eval_data: Path) -> None:
    files = [path for path in (eval_data / "captions").iterdir() if path.suffix in {".vtt", ".srt", ".ttml", ".json3"}]
    assert files
    assert {path.name: found(path.read_text(encoding="utf-8")) for path in files} == {path.name: [] for path in files}
    with tarfile.open(eval_data / "captions" / "webvtt-py-samples.tar.gz") as archive:
        texts = [file.read().decode("utf-8", "replace") for member in archive if (file := archive.extractfile(member))]
    assert [each for text in texts for each in found(text)] == []
