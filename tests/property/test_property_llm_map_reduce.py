"""Windows of a long text: nothing is lost, nothing is in another order, and each one fits."""

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from udib.core.chat import ChatRequest, Message, TokenUsage
from udib.llm.map_reduce import windows
from udib.llm.prompts import Excerpt, fenced
from udib.llm.tokens import TokenCounter

WORDS = st.lists(
    st.sampled_from([
        "rents", "rose.", "by", "12,5%", "\u7a0e\u91d1", "<|im_start|>", "Wien?", "x" * 300, "\n", "  ",
        "Fr\u00fchling!", "\U0001f600", "a-b", "it's",
    ]),
    max_size=80,
).map(" ".join)  # fmt: skip
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=80)), max_size=12)


def wordy() -> TokenCounter:
    counter = TokenCounter()
    for _ in range(30):
        counter.learn(ChatRequest([Message("user", "word " * 100)], model="wordy"), TokenUsage(170, 1))
    return counter


COUNTER = wordy()


@given(TEXTS, st.integers(110, 600), st.integers(0, 4), st.sampled_from([None, "wordy"]))
def test_windows_hold_every_letter_once_in_order_and_fit(
    texts: list[str], most: int, overlap: int, model: str | None
) -> None:
    excerpts = [Excerpt(str(number), text, about="Maya") for number, text in enumerate(texts, 1)]
    found = windows(excerpts, COUNTER, most_tokens=most, overlap=overlap, model=model)
    assert [window.number for window in found] == list(range(1, len(found) + 1))
    new = [excerpt for window in found for excerpt in window.excerpts[window.overlap :]]
    joined = {
        label: "".join(piece.text for piece in pieces) for label, pieces in groupby(new, key=lambda each: each.label)
    }
    assert joined == {excerpt.label: excerpt.text for excerpt in excerpts}
    assert list(joined) == [excerpt.label for excerpt in excerpts]
    for window in found:
        assert COUNTER.count(fenced(window.excerpts), model) <= most
        assert window.overlap < len(window.excerpts), "every window has something new"
    for before, after in pairwise(found):
        assert after.overlap <= overlap
        assert after.excerpts[: after.overlap] == before.excerpts[len(before.excerpts) - after.overlap :]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_short_excerpts_overlap_as_wished(lengths: list[int]) -> None:
    excerpts = [Excerpt(str(number), "so " * length) for number, length in enumerate(lengths)]
    for window in windows(excerpts, COUNTER, most_tokens=1500, overlap=2)[1:]:
        assert window.overlap == 2
