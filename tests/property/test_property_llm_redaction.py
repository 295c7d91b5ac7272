"""For all texts: what is redacted comes back, what is private does not go out, and pieces make the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.chat import ChatRequest, Message
from udib.llm.account_numbers import cards, passes_luhn, passes_mod_97
from udib.llm.private_details import private_details
from udib.llm.redaction import Redaction, StreamRestorer

DETAILS = [
    "ann@example.org", "bob.o'neil@mail.example.com", "650-253-0000", "+44 20 7946 0958", "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32", "12 Main St, Springfield, IL 62701", "42 Elm Street",
]  # fmt: skip
WORDS = [
    "In", "2016", "she", "said", "65,853,514", "votes", "[EMAIL_1]", "[EMAIL_2]", "[", "[PHONE_1", "ADDRESS_1]",
    "00:12:34.567", "12", "Main", "St", ",", "\n",
]  # fmt: skip
parts = st.lists(st.sampled_from(DETAILS) | st.sampled_from(WORDS) | st.text(max_size=6), max_size=8)
texts = parts.map(" ".join)
pieces = st.lists(st.sampled_from(["[EMAIL_1]", "[EMAIL_12]", "[PHONE_1]", "[", "EMAIL", "_1", "]", "[EM", "2", " a"]))


@given(st.lists(texts, min_size=1, max_size=3))
def test_what_is_redacted_comes_back(said: list[str]) -> None:
    redaction = Redaction()
    redacted = redaction.redact(ChatRequest([Message("user", text) for text in said], model="m"))
    assert [redaction.restore(message.content) for message in redacted.messages] == said
    again = Redaction().redact(ChatRequest([Message("user", text) for text in said], model="m"))
    assert again == redacted


@given(parts, st.sampled_from(DETAILS))
def test_a_detail_among_words_does_not_go_out(around: list[str], detail: str) -> None:
    text = f"{' '.join(word for word in around if word.isalpha())}. Her own: {detail}."
    [message] = Redaction().redact(ChatRequest([Message("user", text)], model="m")).messages
    assert detail not in message.content


@given(texts)
def test_details_are_in_order_and_apart(text: str) -> None:
    ends = 0
    for detail in private_details(text):
        assert ends <= detail.start < detail.end <= len(text)
        ends = detail.end


@given(pieces)
def test_a_text_in_pieces_is_restored_as_a_whole_one_is(said: list[str]) -> None:
    redaction = Redaction(originals={"[EMAIL_1]": "ann@example.org", "[EMAIL_12]": "bob@x.example", "[PHONE_1]": "911"})
    restorer = StreamRestorer(redaction)
    restored = "".join([*(restorer.take(piece) for piece in said), restorer.rest()])
    assert restored == redaction.restore("".join(said))


@given(st.integers(0, 10**15 - 1), st.integers(0, 15), st.integers(1, 9))
def test_a_wrong_digit_is_no_card(number: int, place: int, off: int) -> None:
    """The Luhn formula finds every single wrong digit."""
    stem = f"4{number % 10**14:014d}"
    [card] = [f"{stem}{digit}" for digit in range(10) if passes_luhn(f"{stem}{digit}")]
    assert list(cards(card)) == [(0, 16)]
    wrong = f"{card[:place]}{(int(card[place]) + off) % 10}{card[place + 1 :]}"
    assert list(cards(wrong)) == []


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=11, max_size=30), st.integers(0, 40))
def test_a_wrong_sign_is_no_iban(account: str, place: int) -> None:
    [check] = [digits for digits in range(2, 99) if passes_mod_97(f"DE{digits:02d}{account}")]
    iban = f"DE{check:02d}{account}"
    at = 4 + place % len(account)
    wrong = f"{iban[:at]}{'7' if iban[at] != '7' else '3'}{iban[at + 1 :]}"
    if iban[at].isdigit():  # of letters, some pairs differ by 97
        assert not passes_mod_97(wrong)


@pytest.mark.parametrize("kind", ["EMAIL", "PHONE"])
def test_numbers_that_a_text_uses_are_left_out(kind: str) -> None:
    used = " ".join(f"[{kind}_{number}]" for number in range(1, 5))
    redaction = Redaction()
    redaction.redact(ChatRequest([Message("user", f"{used} ann@example.org 650-253-0000")], model="m"))
    assert f"[{kind}_5]" in redaction.originals
