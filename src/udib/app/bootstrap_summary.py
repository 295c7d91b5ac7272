"""The part of the composition root that lets a model summarise an item: windows, prompts, gates, one choice of all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from typing import Final

from udib.analysis.passages import CitedPassage, passages_of
from udib.analysis.worded_summary import (
    MOST_STATEMENTS,
    SummaryChoice,
    SummaryGate,
    chosen,
    prompt_values,
    spread,
)
from udib.app.bootstrap_asking import Asking
from udib.app.bootstrap_models import Models
from udib.core.errors import UdibError, UnavailableError
from udib.core.findings import WordedStatement, WordedSummary
from udib.core.founding import Citable, Draft, quotes_found
from udib.core.speech import Missing, Transcript
from udib.core.tenancy import Scope
from udib.llm.map_reduce import Mapped, TextWindow, choose_in_tree, map_windows, windows
from udib.llm.prompts import LONGEST_FENCE, Excerpt, fenced
from udib.pipeline.parts import WholeReading

PART: Final = "summary in words"
WINDOW_TOKENS: Final = 16_000
"""Longest window, whatever the model takes: a longer one is read less well, and could cost more than a request may."""
_OVERLAP: Final = 2
ANSWER_TOKENS: Final = 1_500
_CHOICE_TOKENS: Final = 300

Summarise = Callable[[Scope], WholeReading[WordedSummary]]


@dataclass(frozen=True, slots=True)
class _PartRead:
    """What came of a window."""

    statements: tuple[WordedStatement, ...]
    drafted: int


def summariser(models: Models, *, call_s: float, stage_s: float) -> Summarise:
    """What summarises a transcript in a model's words.

    Args:
        models: Who is asked.
        call_s: Longest time of one call.
        stage_s: Time of all.
    """

    async def summarise(scope: Scope, transcript: Transcript) -> WordedSummary:
        asking = Asking(models, scope, "summary", call_s=call_s, stage_s=stage_s)
        return await _Summary(asking, transcript).make()

    # How it is cut for the model, and what each part of it is told, follows from the whole.
    return lambda scope: WholeReading(partial(summarise, scope))


class _Summary:
    """One summary in the making."""

    def __init__(self, asking: Asking, transcript: Transcript) -> None:
        self._asking = asking
        self._gate = SummaryGate(transcript)
        self._passages = {each.number: each for each in passages_of(transcript)}
        self._missing: list[Missing] = []

    async def make(self) -> WordedSummary:
        parts = self._cut()
        mapped = await map_windows(parts, lambda window: self._read(window, len(parts)))
        self._missing += _not_read(mapped, parts, self._passages)
        kept = [read.statements for _, read in mapped.read]
        drafted = sum(read.drafted for _, read in mapped.read)
        passed = sum(map(len, kept))
        if mapped.read and not passed:
            why = f"the transcript bears out none of its {drafted} statements" if drafted else "the model gives none"
            self._missing.append(Missing(PART, why))
        statements = await self._choose(kept)
        return WordedSummary(
            statements,
            self._asking.use.models,
            self._asking.use.cost_usd,
            dropped=drafted - passed,
            parts=len(parts),
            parts_read=len(mapped.read),
            missing=tuple(self._missing),
            gates=(self._gate.count.account,),
        )

    def _cut(self) -> tuple[TextWindow, ...]:
        room, model = self._room("summary", prompt_values(1, 2))
        excerpts = [Excerpt(str(each.number), each.text, each.speaker or "") for each in self._passages.values()]
        return windows(excerpts, self._asking.models.counter, most_tokens=room, overlap=_OVERLAP, model=model)

    async def _read(self, window: TextWindow, parts: int) -> _PartRead:
        """Ask the model about a window, and believe what it bears out."""
        self._asking.in_time()
        shown = {int(each.label): self._passages[int(each.label)] for each in window.excerpts}
        citables = {number: Citable(passage.text) for number, passage in shown.items()}
        values = prompt_values(window.number, parts)
        draft = await self._asking.ask(
            "summary",
            values,
            window.excerpts,
            Draft,
            most_tokens=ANSWER_TOKENS,
            quotes=lambda draft: quotes_found(draft, citables),
        )
        most = int(values["most_statements"])
        return _PartRead(self._gate.passed(draft, shown, most), len(draft.statements))

    async def _choose(self, parts: Sequence[Sequence[WordedStatement]]) -> tuple[WordedStatement, ...]:
        """At most MOST_STATEMENTS of the statements of all parts. What overlaps may have given one twice."""
        once = {each.text.casefold(): each for each in chain.from_iterable(parts)}
        room, model = self._room("summary_choice", {"most_statements": MOST_STATEMENTS})

        async def choose(group: Sequence[WordedStatement], most: int) -> Sequence[WordedStatement]:
            excerpts = [Excerpt(str(number), each.text) for number, each in enumerate(group, 1)]
            values = {"most_statements": most}
            choice = await self._asking.ask(
                "summary_choice", values, excerpts, SummaryChoice, most_tokens=_CHOICE_TOKENS
            )
            kept = chosen(choice, group, most)
            if not kept:
                raise UnavailableError("the model keeps none of them")
            return kept

        def size(statement: WordedStatement) -> int:
            return self._asking.models.counter.count(fenced([Excerpt("100", statement.text)], LONGEST_FENCE), model)

        try:
            return await choose_in_tree(tuple(once.values()), choose, most=MOST_STATEMENTS, size=size, most_tokens=room)
        except UdibError as exc:
            why = f"the first statements of each part are shown, because no model chose among all of them: {exc}"
            self._missing.append(Missing(PART, why))
            return spread(
                [[each for each in part if once[each.text.casefold()] is each] for part in parts], MOST_STATEMENTS
            )

    def _room(self, template: str, values: dict[str, object]) -> tuple[int, str | None]:
        """Tokens that the excerpts of a prompt may take, and the model by whose count."""
        room, model = self._asking.room(template, values)
        most, _ = self._asking.models.room()
        return room - max(most - WINDOW_TOKENS, 0), model


def _not_read(
    mapped: Mapped[_PartRead], parts: Sequence[TextWindow], passages: Mapping[int, CitedPassage]
) -> list[Missing]:
    """The stretches of the talk that no model read, and why."""
    found = []
    held = {window.number: [passages[int(each.label)] for each in window.excerpts] for window in parts}
    # Neighbours with one reason are one stretch.
    for (_, why), run in groupby(enumerate(mapped.unread), key=lambda pair: (pair[1].number - pair[0], pair[1].why)):
        numbers = [each.number for _, each in run]
        start_s, end_s = held[numbers[0]][0].start_s, held[numbers[-1]][-1].end_s
        which = "" if len(parts) == 1 else f"what is said from {start_s:.0f} s to {end_s:.0f} s was not read: "
        found.append(Missing(PART, f"{which}{why}"))
    return found
