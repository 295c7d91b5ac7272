"""What memory finds under the names that readers gave. The stored words stay as they are."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from udib.core.corrected import names_of
from udib.core.corrections import WHO_SAID_WHAT, Correction, CorrectionKind
from udib.core.ports import Catalogue, Memory
from udib.core.tenancy import Scope
from udib.core.types import Answer, ContentId, MemoryRecord, Passage, RecordKind
from udib.core.vectors import Filters
from udib.pipeline.ask import ask, note_on

Recall = Callable[[str, Filters], Awaitable[Sequence[Passage]]]
"""Finds passages for a question and conditions, best first."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A label of transcripts that stands for a person: in one item, or in all but those where it has another name."""

    label: str
    content_id: ContentId | None = None


def named_in(question: str, people: Iterable[str]) -> str | None:
    """The longest of these names that stands in a question; None if there is none."""
    return next((name for name in sorted(people, key=lambda each: (-len(each), each)) if _place(name, question)), None)


def _place(name: str, question: str) -> re.Match[str] | None:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE)


def _with_label(question: str, person: str, label: str) -> str:
    """The question as memory knows the person, whose words lie under the label."""
    found = _place(person, question)
    return question if found is None else f"{question[: found.start()]}{label}{question[found.end() :]}"


class GivenNames:
    """What readers corrected in one scope, for what is read outside the reports."""

    def __init__(self, catalogue: Catalogue, scope: Scope, corrections: Sequence[Correction]) -> None:
        self._catalogue = catalogue
        self._scope = scope
        self._of_words = [each for each in corrections if each.kind in WHO_SAID_WHAT - {CorrectionKind.SPEAKER}]
        self._speakers = [each for each in corrections if each.kind is CorrectionKind.SPEAKER]
        self._read: dict[ContentId, list[Correction]] = {}

    @classmethod
    async def of(cls, catalogue: Catalogue, scope: Scope) -> "GivenNames":
        """Those of a scope."""
        return cls(catalogue, scope, await catalogue.corrections(scope))

    async def by_label(self, content_id: ContentId) -> Mapping[str, str]:
        """The names that the newest report on an item has from readers, by the label of its transcript."""
        return names_of(await self._named(content_id))

    async def people(self) -> set[str]:
        """All these names."""
        items = dict.fromkeys(each.content_id for each in self._speakers)
        return {name for item in items for name in (await self.by_label(item)).values()}

    async def voices(self, person: str, known: Collection[str], only: ContentId | None = None) -> list[Voice]:
        """The labels that stand for a person.

        Args:
            person: As the name is spelt there.
            known: The labels of the transcripts.
            only: In this item; None: in all.
        """
        found = [Voice(person, only)] if person in known else []
        items = dict.fromkeys(each.content_id for each in self._speakers if each.corrected == person)
        for item in items:
            if only in {None, item}:
                names = await self.by_label(item)
                found += [Voice(label, item) for label, name in names.items() if name == person != label]
        return found

    async def under_names(self, passage: Passage) -> Passage:
        """The passage with the right names, and the corrections that bear on its words."""
        record = passage.record
        made = [
            *(each for each in await self._named(record.content_id) if each.speaker == record.speaker),
            *(each for each in self._of_words if each.stands_in(record)),
        ]
        return replace(
            passage,
            record=await self._renamed(record),
            also=tuple([await self._renamed(each) for each in passage.also]),
            before=tuple([await self._renamed(each) for each in passage.before]),
            after=tuple([await self._renamed(each) for each in passage.after]),
            corrections=tuple(each.told for each in made),
        )

    async def found(self, recall: Recall, question: str, filters: Filters) -> list[Passage]:
        """What bears on a question, under the right names.

        Where the person whose words are wanted, by the filters or by the question, has several labels, what was found
        under each is put together by its nearness in meaning.

        Args:
            recall: Finds it.
            question: As it was asked.
            filters: A speaker among them is a label, or a name that readers gave.
        """
        person = filters.speaker or named_in(question, {each.corrected for each in self._speakers})
        voices: list[Voice] = []
        said: list[Passage] = []
        if person is not None:
            voices = await self.voices(person, await self._catalogue.speakers(self._scope), filters.content_id)
            said = await self._said(recall, question, filters, person, voices)
        if voices and filters.speaker is not None:
            return said
        others = [await self.under_names(each) for each in await recall(question, filters)]
        return [*said, *(each for each in others if not said or each.record.kind is RecordKind.DOCUMENT)]

    async def _said(
        self, recall: Recall, question: str, filters: Filters, person: str, voices: Sequence[Voice]
    ) -> list[Passage]:
        found: list[Passage] = []
        for voice in voices:
            only = replace(filters, content_id=voice.content_id or filters.content_id, speaker=voice.label)
            found += await recall(_with_label(question, person, voice.label), only)
        if len(voices) > 1:
            found.sort(key=lambda each: -each.similarity)
        named = [await self.under_names(each) for each in found]
        return [each for each in named if each.record.speaker == person]

    async def _renamed(self, record: MemoryRecord) -> MemoryRecord:
        name = (await self.by_label(record.content_id)).get(record.speaker or "")
        return record if name is None else replace(record, speaker=name)

    async def _named(self, content_id: ContentId) -> list[Correction]:
        """The corrections of names that the newest report on an item still has a place for."""
        if content_id not in self._read:
            given = any(each.content_id == content_id for each in self._speakers)
            report = await self._catalogue.report(self._scope, content_id) if given else None
            made = report.corrections if report is not None else ()
            self._read[content_id] = [each for each in made if each.applies and each.kind is CorrectionKind.SPEAKER]
        return self._read[content_id]


async def ask_under_names(
    memory: Memory, catalogue: Catalogue, scope: Scope, question: str, *, limit: int, filters: Filters
) -> Answer:
    """What was said about a question, under the names that readers gave; arguments and errors are those of `ask`."""

    async def recall(wanted: str, conditions: Filters) -> Sequence[Passage]:
        return (await ask(memory, scope, wanted, limit=limit, filters=conditions)).passages

    names = await GivenNames.of(catalogue, scope)
    passages = await names.found(recall, question, filters)
    return Answer(" ".join(question.split()), tuple(passages[:limit]), note_on(passages[:limit]))
