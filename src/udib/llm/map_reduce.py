"""Long texts: cut into windows that a model can read, read side by side, and what comes of them chosen among in a tree.

Nothing is left out in silence: every word is in a window, and a window that could not be read is named with its reason.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Generic, TypeVar

from udib.core.errors import BadRequestError, ForbiddenError, UdibError
from udib.llm.prompts import LONGEST_FENCE, Excerpt, fenced
from udib.llm.tokens import TokenCounter

T = TypeVar("T")

_JOINED: Final = 2
"""Tokens that joining an excerpt to the one before, and rounding, add at most."""
_OVERLAP_SHARE: Final = 0.25
"""How much of a window the overlap takes at most: the rest is new, so that the number of windows stays small."""
_ENDS: Final = (re.compile(r"[.!?\u2026\u3002][\"'\u201d\u2019)\]]*\s+"), re.compile(r"\s+"), re.compile(r"(?s)."))
"""After what a text is cut, best first: a sentence, a word, and inside a word that is too long by itself."""
_MOST_LETTERS: Final = 24
"""More letters than a token ever has, blanks included, so that an endless text need not be counted to its end."""


@dataclass(frozen=True, slots=True)
class TextWindow:
    """A part of a long text.

    Attributes:
        number: From 1.
        excerpts: What it holds, in order.
        overlap: How many of them, at its beginning, the window before ends with.
    """

    number: int
    excerpts: tuple[Excerpt, ...]
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """A window that nothing came of, and the sentence that says why."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Mapped(Generic[T]):
    """What came of the windows.

    Attributes:
        read: What each window gave that was read, by its number, in order.
        unread: The others, in order.
        refused: What ended the reading before its end, such as a cap; None: nothing did.
    """

    read: tuple[tuple[int, T], ...]
    unread: tuple[Unread, ...]
    refused: ForbiddenError | None = None


def windows(
    excerpts: Sequence[Excerpt], counter: TokenCounter, *, most_tokens: int, overlap: int = 2, model: str | None = None
) -> tuple[TextWindow, ...]:
    """Cut excerpts into windows that hold all of them in their order.

    One that does not fit is cut after a sentence, else after a word, into several of its label; put together again they
    are its text, letter by letter.

    Args:
        excerpts: The text.
        counter: Counts tokens.
        most_tokens: Longest window, fences included.
        overlap: So many excerpts at the end of a window begin the next one too; fewer where they would take more than a
            quarter of it, or leave no room for the next excerpt.
        model: By whose tokens it is counted; see `TokenCounter.wordiest`.

    Raises:
        BadRequestError: Not even a letter fits.
    """

    def size(excerpt: Excerpt) -> int:
        # The fences of a prompt carry a digest of all of it, whose length in tokens is not known before.
        longest = fenced([excerpt], LONGEST_FENCE)
        return counter.count(longest, model) + _JOINED

    pieces = [(piece, size(piece)) for excerpt in excerpts for piece in _pieces(excerpt, size, most_tokens)]
    found: list[TextWindow] = []
    held: list[tuple[Excerpt, int]] = []
    shared = total = 0
    for piece, needed in pieces:
        if held and total + needed > most_tokens:
            found.append(TextWindow(len(found) + 1, tuple(each for each, _ in held), shared))
            held = _tail(held, overlap, min(_OVERLAP_SHARE * most_tokens, most_tokens - needed))
            shared, total = len(held), sum(each for _, each in held)
        held.append((piece, needed))
        total += needed
    if held:
        found.append(TextWindow(len(found) + 1, tuple(each for each, _ in held), shared))
    return tuple(found)


async def map_windows(
    parts: Sequence[TextWindow], read: Callable[[TextWindow], Awaitable[T]], *, at_once: int = 4
) -> Mapped[T]:
    """Read windows side by side, begun in their order.

    A window whose reading fails is named, and the others go on. A refusal that would meet every window (a cap, a key)
    ends the reading: those under way are waited for, because they are paid, and those not begun are named.

    Args:
        parts: The windows.
        read: Asks a model about one.
        at_once: Most windows that are read at the same time.
    """
    waiting = iter(parts)
    made: dict[int, T] = {}
    failed: dict[int, str] = {}
    refusals: dict[int, ForbiddenError] = {}

    async def reader() -> None:
        while not refusals and (window := next(waiting, None)) is not None:
            try:
                made[window.number] = await read(window)
            except ForbiddenError as exc:
                refusals[window.number] = exc
            except UdibError as exc:
                failed[window.number] = str(exc)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(parts))):
            group.create_task(reader())
    refused = refusals[min(refusals)] if refusals else None
    unread = [
        Unread(each.number, failed.get(each.number) or str(refusals.get(each.number, refused)))
        for each in parts
        if each.number not in made
    ]
    return Mapped(tuple(sorted(made.items(), key=lambda pair: pair[0])), tuple(unread), refused)


async def choose_in_tree(
    items: Sequence[T],
    choose: Callable[[Sequence[T], int], Awaitable[Sequence[T]]],
    *,
    most: int,
    size: Callable[[T], int],
    most_tokens: int,
) -> tuple[T, ...]:
    """Reduce items to at most `most`: choose in each group that fits one prompt, then among what was chosen.

    Args:
        items: What is chosen among.
        choose: Asks a model for at most so many of a group.
        most: How many may be left.
        size: Tokens of an item in a prompt.
        most_tokens: Tokens of all items of one prompt.

    Raises:
        BadRequestError: Not even two items fit one prompt.
        UdibError: As `choose` does.
    """
    left = tuple(items)
    while len(left) > most:
        groups = list(_groups(left, size, most_tokens))
        if len(groups) == len(left):
            raise BadRequestError(
                f"Not even two of {len(left)} results fit into {most_tokens} tokens; "
                "choose a model with a longer context."
            )
        chosen = []
        for group in groups:
            # A group among others gives half of itself, so that every round leaves fewer.
            wanted = most if len(groups) == 1 else max(1, min(most, len(group) // 2))
            chosen.append(group if len(group) <= wanted else tuple(await choose(group, wanted))[:wanted])
        left = tuple(chain.from_iterable(chosen))
    return left


def _tail(held: Sequence[tuple[Excerpt, int]], most: int, most_tokens: float) -> list[tuple[Excerpt, int]]:
    """The last excerpts, so many and so long at most."""
    kept: list[tuple[Excerpt, int]] = []
    room = most_tokens
    for piece, needed in reversed(held):
        room -= needed
        if len(kept) == most or room < 0:
            break
        kept.append((piece, needed))
    return kept[::-1]


def _pieces(excerpt: Excerpt, size: Callable[[Excerpt], int], most: int) -> Iterator[Excerpt]:
    """An excerpt, in pieces if it does not fit."""
    rest = excerpt
    while len(rest.text) > _MOST_LETTERS * most or size(rest) > most:
        end = next(
            (end for pattern in _ENDS if (end := _last_fitting(rest, pattern, size, most)) is not None),
            None,
        )
        if end is None:
            raise BadRequestError(f"Not even one word fits into {most} tokens; choose a model with a longer context.")
        yield replace(rest, text=rest.text[:end])
        rest = replace(rest, text=rest.text[end:])
    yield rest


def _last_fitting(excerpt: Excerpt, pattern: re.Pattern[str], size: Callable[[Excerpt], int], most: int) -> int | None:
    """The last place to cut so that what is before it fits; None if there is none. A longer text is never smaller."""
    text = excerpt.text
    places = [found.end() for found in pattern.finditer(text, 0, _MOST_LETTERS * most) if found.end() < len(text)]
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if size(replace(excerpt, text=text[: places[middle]])) <= most:
            low = middle + 1
        else:
            high = middle
    return places[low - 1] if low else None


def _groups(items: Sequence[T], size: Callable[[T], int], most_tokens: int) -> Iterator[tuple[T, ...]]:
    held: list[T] = []
    room = most_tokens
    for item in items:
        needed = size(item)
        if held and needed > room:
            yield tuple(held)
            held, room = [], most_tokens
        held.append(item)
        room -= needed
    if held:
        yield tuple(held)
