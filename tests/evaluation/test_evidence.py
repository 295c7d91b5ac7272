"""What claims get as evidence when talks on other subjects, or the other side of the same one, are in memory.

Labelled by hand when the rule was set, the best three passages of each claim: with the two speakers of each development
talk stored as items of their own, `Memory.recall` alone gave 129 passages, some 14 of them on the claim's subject
(.11); with `bears_on`, 12 are left of all that it looks at, 9 of them on the subject (.75). With whole talks and the
demo's debate, recall gave 138 passages, none on the subject; now there are none. The list of words that any talks share
was completed with these talks in view, so these figures are in-sample.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from test_example_scores import TALKS, development_talk, nothing_known, transcript_of

from udib.analysis.fact_check import check_claims
from udib.core.evidence import Document, SearchHit
from udib.core.findings import Evidence, EvidenceKind
from udib.core.speech import Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform
from udib.memory.edge import EdgeIndex
from udib.memory.excerpts import excerpts
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.memory.store_client import is_owned
from udib.pipeline.evidence import look_up_in
from udib.pipeline.outside import Tiers, from_pages
from udib.pipeline.records import transcript_records

SCOPE = Scope.of("evaluation", "main")
ON_SUBJECT = ("electricity", "wind farm", "coal", "English clubs", "bike lane")


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[MemoryService]:
    index = EdgeIndex(tmp_path / "vectors", linger_s=0.0)
    yield MemoryService(EnhancedVectorStore(index, StaticEmbedder.load()))
    await index.close()
    deadline = time.monotonic() + 10
    while is_owned(tmp_path / "vectors"):
        assert time.monotonic() < deadline, "a store process outlived its test"
        time.sleep(0.02)


async def evidence_of(memory: MemoryService, items: dict[str, Transcript]) -> dict[tuple[str, str], Sequence[Evidence]]:
    """What each (item, claim) gets when all items are in memory."""
    for name, transcript in items.items():
        content = Content(ContentId(name), Platform.FILE, f"file:///{name}", name)
        await memory.remember(SCOPE, transcript_records(content, transcript))
    found: dict[tuple[str, str], Sequence[Evidence]] = {}
    for name, transcript in items.items():
        checks = (await check_claims(transcript, nothing_known, limit=60)).checks
        claims = [check.claim.quote.text for check in checks]
        pieces = await look_up_in(memory, SCOPE, without=ContentId(name))(claims)
        found |= {(name, claim): some for claim, some in zip(claims, pieces, strict=True)}
    return found


async def test_talks_on_other_subjects_are_no_evidence(memory: MemoryService) -> None:
    found = await evidence_of(memory, {name: transcript_of(development_talk(name)) for name in TALKS})
    assert len(found) > 60
    assert [claim for claim, some in found.items() if some] == []


async def test_pages_on_other_subjects_are_no_evidence() -> None:
    """The same for the web: every other talk stands for a page that a search named (74 claims, none gets any)."""
    talks = {f"https://{name}.example/": transcript_of(development_talk(name)) for name in TALKS}
    pages = {
        url: Document(url, "A page", "\n".join(segment.text for segment in talk.segments), "")
        for url, talk in talks.items()
    }
    looked_up = 0
    for url, talk in talks.items():
        claims = [check.claim.quote.text for check in (await check_claims(talk, nothing_known, limit=60)).checks]
        others = {other: page for other, page in pages.items() if other != url}
        named = [[SearchHit(EvidenceKind.WEB, other, "A page") for other in others]] * len(claims)
        assert not any(from_pages(claims, named, others, excerpts, Tiers()))
        looked_up += len(claims)
    assert looked_up > 60


async def test_the_other_side_of_a_debate_is_evidence_where_it_is_on_the_claim(memory: MemoryService) -> None:
    sides = {}
    for name in TALKS:
        transcript = transcript_of(development_talk(name))
        for speaker in transcript.speakers:
            said = tuple(segment for segment in transcript.segments if segment.speaker == speaker)
            sides[f"{name}:{speaker}"] = replace(transcript, segments=said)
    found = await evidence_of(memory, sides)
    pairs = [(name, claim, one) for (name, claim), some in found.items() for one in some]
    assert all(name.split(":")[0] == one.content_id.split(":")[0] for name, _, one in pairs if one.content_id)
    assert len([claim for _, claim, _ in pairs if any(words in claim for words in ON_SUBJECT)]) >= 7
