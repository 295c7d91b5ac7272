"""Long texts read in windows: which are named as not read, what ends the reading, and the tree of choices."""

import asyncio
from collections.abc import Sequence

import pytest

from udib.core.errors import BadRequestError, BudgetExceededError, UdibError, UnavailableError
from udib.llm.map_reduce import TextWindow, Unread, choose_in_tree, map_windows, windows
from udib.llm.prompts import Excerpt
from udib.llm.tokens import TokenCounter

PARTS = tuple(TextWindow(number, ()) for number in range(1, 8))


def test_a_long_excerpt_is_cut_after_a_sentence_else_after_a_word() -> None:
    talk = "Rents rose in the spring. " * 40
    cut = windows([Excerpt("1", talk)], TokenCounter(), most_tokens=120)
    assert len(cut) > 2
    assert all(window.excerpts[-1].text.endswith("spring. ") for window in cut)
    words = windows([Excerpt("1", "rents " * 200)], TokenCounter(), most_tokens=120)
    assert all(window.excerpts[-1].text.endswith("rents ") for window in words)
    letters = windows([Excerpt("1", "x" * 2_000)], TokenCounter(), most_tokens=120)
    assert "".join(window.excerpts[-1].text for window in letters) == "x" * 2_000
    with pytest.raises(BadRequestError, match="Not even one word fits into 20 tokens"):
        windows([Excerpt("1", talk)], TokenCounter(), most_tokens=20)
    assert windows([], TokenCounter(), most_tokens=20) == ()


class Reader:
    """Reads windows as its script says, and counts how many at once."""

    def __init__(self, faults: dict[int, UdibError]) -> None:
        self.faults = faults
        self.begun: list[int] = []
        self.now = self.most = 0

    async def __call__(self, window: TextWindow) -> str:
        self.begun.append(window.number)
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(window.number % 3 + 1):  # so that they end in another order than they begin
            await asyncio.sleep(0)
        self.now -= 1
        if window.number in self.faults:
            raise self.faults[window.number]
        return f"w{window.number}"


async def test_windows_are_read_side_by_side_and_given_in_order() -> None:
    reader = Reader({})
    found = await map_windows(PARTS, reader, at_once=3)
    assert found.read == tuple((number, f"w{number}") for number in range(1, 8))
    assert (found.unread, found.refused, reader.most) == ((), None, 3)
    assert reader.begun == list(range(1, 8))
    assert (await map_windows((), reader)).read == ()


async def test_a_window_that_fails_is_named_and_the_others_go_on() -> None:
    found = await map_windows(PARTS, Reader({3: UnavailableError("It is busy; wait.")}), at_once=2)
    assert [number for number, _ in found.read] == [1, 2, 4, 5, 6, 7]
    assert (found.unread, found.refused) == ((Unread(3, "It is busy; wait."),), None)


async def test_a_cap_ends_the_reading_at_once_with_what_is_there() -> None:
    reader = Reader({3: BudgetExceededError("The day's cap is reached; raise it.")})
    found = await map_windows(PARTS, reader, at_once=3)
    assert [number for number, _ in found.read] == [1, 2], "what was under way is paid, and used"
    assert found.unread == tuple(Unread(n, "The day's cap is reached; raise it.") for n in (3, 4, 5, 6, 7))
    assert isinstance(found.refused, BudgetExceededError)
    assert reader.begun == [1, 2, 3]


async def test_a_bug_in_reading_surfaces() -> None:
    async def read(window: TextWindow) -> str:
        raise KeyError(window.number)

    with pytest.raises(ExceptionGroup):
        await map_windows(PARTS, read)


async def test_the_tree_chooses_until_few_are_left() -> None:
    asked: list[tuple[int, int]] = []

    async def choose(group: Sequence[int], wanted: int) -> Sequence[int]:
        asked.append((len(group), wanted))
        return sorted(sorted(group)[-wanted:])

    left = await choose_in_tree(range(40), choose, most=4, size=lambda _: 10, most_tokens=100)
    assert asked == [(10, 4)] * 4 + [(10, 4), (6, 3), (7, 4)]
    assert left == (27, 37, 38, 39), "a group gives half of itself at most"
    assert await choose_in_tree([1, 2], choose, most=4, size=lambda _: 10, most_tokens=1) == (1, 2)
    with pytest.raises(BadRequestError, match="Not even two of 5 results"):
        await choose_in_tree(range(5), choose, most=4, size=lambda _: 10, most_tokens=15)
