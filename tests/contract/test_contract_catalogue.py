"""What every `Catalogue` promises."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest
from records_place import catalogue_at, in_folder, in_new_schema

from udib.core.corrections import Correction, CorrectionKind
from udib.core.errors import BadRequestError, Status
from udib.core.findings import (
    REPORT_SCHEMA,
    Argument,
    Chapter,
    Claim,
    Clash,
    Contradiction,
    Critical,
    DebateMap,
    Evidence,
    FactCheck,
    FactChecks,
    Fallacies,
    Fallacy,
    FallacyKind,
    Label,
    NotJudged,
    Outline,
    Report,
    Role,
    SpeakerShare,
    StageTiming,
    TranscriptFacts,
    Unclear,
    Verdict,
    WordedStatement,
    WordedSummary,
)
from udib.core.judging import DebateLedger, DebatePoint, Dropped, Gate, ModelUse
from udib.core.live_chat import ChatActivity, ChatPeak
from udib.core.ports import Catalogue
from udib.core.speech import Missing, Origin, Quote, Segment, Transcript, Word
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Delivered, ListingState, Platform
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database
from udib.testing.fakes import FakeCatalogue

A, B = Scope.of("acme", "main"), Scope.of("acme", "other")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
SECRET = "quixotic lighthouse keepers"
PROOF = "No, they fell \u2013 caf\u00e9s \U0001f600 prove it."
SAID = Transcript(
    (
        Segment(0.0, 4.0, f"Rents rose by 12 percent, say {SECRET}.", "Ada"),
        Segment(4.0, 8.0, PROOF, "Bob", (Word("No,", 4.0, 4.2, 0.25, doubtful=True), Word("they", 4.2, 4.5, 0.75))),
    ),
    Origin.CAPTIONS,
    "vtt",
)


def said(text: str) -> Quote:
    quote = SAID.quote(text)
    assert quote is not None
    return quote


def content(content_id: str, title: str = "A debate", *, address: str = "", url: str | None = None) -> Content:
    platform = Platform(content_id.partition(":")[0])
    return Content(ContentId(content_id), platform, address or f"at/{content_id}", title, url)


def report(about: Content, revision: int = 1, created_at: str = "2026-01-01T00:00:00Z") -> Report:
    """A report that has every part."""
    rose, fell = said("Rents rose by 12 percent"), said("they fell")
    evidence = Evidence("It rose.", "A paper", "https://paper.example/1", 0.5, ContentId("web:1"), "Cy", 1.5, "2025")
    unclear = (Unclear(Critical.NEGATION, "No,"),)
    checks = FactChecks(
        (
            FactCheck(Claim(rose, 0.9, ("figure",)), (evidence,), Verdict(Label.CONFLICTING, 0.7, "two papers")),
            FactCheck(Claim(fell, 0.2, unclear=unclear), not_judged=NotJudged("needs_llm", 0.002)),
        ),
        considered=2,
    )
    debate = DebateMap(
        speakers=(SpeakerShare("Ada", 4.0, 0.5, 9, 1, 0),),
        arguments=(Argument(fell, Role.REBUTTAL, "No"),),
        clashes=(Clash(rose, fell, "rents"),),
        contradictions=(Contradiction(rose, fell, "polarity", "rents", 0.8, "Earlier", "https://v.example/#t=1"),),
        unanswered=(rose,),
    )
    return Report(
        schema=REPORT_SCHEMA,
        content=about,
        created_at=created_at,
        revision=revision,
        transcript=TranscriptFacts(
            "captions", "vtt", "en", low_accuracy=True, timed=True, segments=2, words=16, doubtful=3
        ),
        outline=Outline(8.0, 16, 120.0, ("Ada", "Bob"), "en", (Chapter("Rents", 0.0, 8.0, rose),)),
        fact_checks=checks,
        fallacies=Fallacies((Fallacy(fell, FallacyKind.STRAW_MAN, "No", "a plain denial", 0.4),), withheld=3),
        debate=debate,
        summary=(rose, said(SECRET)),
        worded_summary=WordedSummary(
            (WordedStatement("Rents went up and down.", (rose, fell)),),
            ("a/model",),
            0.01,
            1,
            3,
            2,
            (Missing("part 2", "too long"),),
        ),
        missing=(Missing("notice", "no webhook"),),
        quotes_verified=9,
        quotes_dropped=1,
        cost_usd=0.0125,
        stages=(StageTiming("download", 0.0, 0.25, Status.RETRYABLE, reused=True, note="2 attempts"),),
        delivered=(Delivered("json", "report.json"),),
        chat=ChatActivity(9, 7, (ChatPeak(0.0, 20.0, 9, 7, 1.5, ("wow",), rose),)),
        ledger=DebateLedger((DebatePoint(rose, (fell,)),), passages=2, passages_read=1, use=ModelUse(("a/model",), 2)),
        gates=(Gate("quotes", 9, (Dropped("not_said", 1),)),),
    )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the records lie."""
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


@pytest.fixture(params=["sqlite", "fake", pytest.param("postgres", marks=ON_SERVER)])
async def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalogue]:
    if request.param == "fake":
        yield FakeCatalogue()
        return
    server = request.param == "postgres"
    place = in_new_schema(request.getfixturevalue("shared_postgres").url) if server else in_folder(tmp_path)
    async with catalogue_at(place) as opened:
        yield opened


async def test_a_report_with_all_parts_comes_back_equal(catalogue: Catalogue) -> None:
    about = Content(
        ContentId("youtube:aB3"), Platform.YOUTUBE, "https://y.example/aB3", "T\u00eftle", "https://y.example/aB3",
        "Ada", "2026-01-01", 8.0, "en",
    )  # fmt: skip
    whole = report(about)
    assert all(getattr(whole, field.name) for field in fields(Report) if field.name != "corrections")
    await catalogue.save(A, whole)
    assert await catalogue.report(A, about.id) == whole


async def test_a_report_without_optional_parts_comes_back_equal(catalogue: Catalogue) -> None:
    bare = replace(report(content("file:1")), outline=None, fact_checks=None, fallacies=None, debate=None)
    await catalogue.save(A, bare)
    assert await catalogue.report(A, ContentId("file:1")) == bare


async def test_the_newest_revision_is_returned_and_the_next_is_one_more(catalogue: Catalogue) -> None:
    about = content("file:1")
    assert await catalogue.report(A, about.id) is None
    assert await catalogue.next_revision(A, about.id) == 1
    for revision in (1, 10, 9):
        await catalogue.save(A, report(about, revision))
    newest = await catalogue.report(A, about.id)
    assert newest is not None
    assert newest.revision == 10
    assert await catalogue.next_revision(A, about.id) == 11


async def test_saving_again_replaces(catalogue: Catalogue) -> None:
    about = content("file:1")
    await catalogue.save(A, replace(report(about), delivered=()))
    await catalogue.save(A, report(about))
    found = await catalogue.report(A, about.id)
    assert found is not None
    assert found.delivered != ()
    assert await catalogue.next_revision(A, about.id) == 2
    assert await catalogue.forget(A, about.id) == 2


async def test_a_new_revision_brings_the_new_title(catalogue: Catalogue) -> None:
    await catalogue.save(A, report(content("file:1", "Old title")))
    await catalogue.save(A, report(content("file:1", "New title"), 2))
    assert await catalogue.find(A, "old title") == []
    assert [found.title for found in await catalogue.find(A, "new title")] == ["New title"]


async def test_the_listing_has_the_newest_report_of_each_content_newest_first(catalogue: Catalogue) -> None:
    first, second = content("file:1"), content("file:2")
    await catalogue.save(A, report(first, 1, "2026-01-01T00:00:00Z"))
    await catalogue.save(A, report(second, 1, "2026-01-02T00:00:00Z"))
    await catalogue.save(A, replace(report(first, 2, "2026-01-03T00:00:00Z"), fact_checks=None))
    assert [
        (entry.content, entry.revision, entry.created_at, entry.words, entry.claims)
        for entry in await catalogue.listing(A)
    ] == [(first, 2, "2026-01-03T00:00:00Z", 16, 0), (second, 1, "2026-01-02T00:00:00Z", 16, 2)]


async def test_what_is_entered_is_listed_found_and_forgotten_before_its_first_report(catalogue: Catalogue) -> None:
    begun, done, half = content("file:1", "A talk"), content("file:2"), content("file:3")
    await catalogue.save(A, report(done))
    await catalogue.save(A, report(half).not_remembered())
    assert await catalogue.enter(A, begun)
    assert [(entry.content.id, entry.state) for entry in await catalogue.listing(A)] == [
        (done.id, ListingState.STORED),
        (half.id, ListingState.INCOMPLETE),
        (begun.id, ListingState.NOT_FINISHED),
    ]
    assert [found.id for found in await catalogue.find(A, "a talk")] == [begun.id]
    assert (await catalogue.listing(B), await catalogue.report(A, begun.id)) == ([], None)
    assert await catalogue.next_revision(A, begun.id) == 1
    assert await catalogue.forget(A, begun.id) == 1
    assert await catalogue.find(A, "a talk") == []


async def test_what_is_entered_again_has_its_newest_name_until_there_is_a_report(catalogue: Catalogue) -> None:
    assert await catalogue.enter(A, content("file:1", "Old"))
    assert not await catalogue.enter(A, content("file:1", "New"))
    assert [entry.content.title for entry in await catalogue.listing(A)] == ["New"]
    await catalogue.save(A, report(content("file:1", "Reported")))
    assert not await catalogue.enter(A, content("file:1", "Later"))
    assert [(entry.content.title, entry.state) for entry in await catalogue.listing(A)] == [
        ("Reported", ListingState.STORED)
    ]


async def test_only_what_has_no_report_is_withdrawn(catalogue: Catalogue) -> None:
    begun, done = content("file:1"), content("file:2")
    await catalogue.enter(A, begun)
    await catalogue.save(A, report(done))
    for each in (begun, done):
        await catalogue.withdraw(A, each.id)
        await catalogue.withdraw(B, each.id)
    assert [entry.content.id for entry in await catalogue.listing(A)] == [done.id]


@pytest.mark.parametrize(
    ("reference", "ids"),
    [
        ("file:ab", ["file:ab1", "file:ab2"]),
        ("ab", ["file:ab1", "file:ab2"]),
        ("file:ab1", ["file:ab1"]),
        (" ab2\n", ["file:ab2"]),
        ("file", ["file:ab1", "file:ab2"]),
        ("aBc", ["youtube:aBc"]),
        ("abC", []),
        ("YOUTUBE:aBc", []),
        ("tiktok:1", ["tiktok:1"]),
        ("1", ["tiktok:1"]),
        ("tiktok", ["tiktok:1", "tiktok:12"]),
        ("Rent CONTROL, 50%_off \u00dcber", ["youtube:aBc"]),
        ("rent control", []),
        ("https://y.example/aBc", ["youtube:aBc"]),
        ("https://y.example/abc", []),
        ("/talks/One.vtt", ["file:ab1"]),
        ("/talks/one.vtt", []),
        ("%", []),
        ("_", []),
        ("file:ab_", []),
        ("*", []),
        ("'; DROP TABLE contents; --", []),
        ("", []),
        ("  ", []),
        ("\x00", []),
        ("b1", []),
    ],
)
async def test_a_content_is_found_by_what_a_user_would_type(
    catalogue: Catalogue, reference: str, ids: list[str]
) -> None:
    for about in (
        content("file:ab1", "Talk", address="/talks/One.vtt"),
        content("file:ab2", "Other talk"),
        content("youtube:aBc", "Rent control, 50%_off \u00fcber", url="https://y.example/aBc"),
        content("tiktok:1", "Short"),
        content("tiktok:12", "Shorter"),
    ):
        await catalogue.save(A, report(about))
    assert [found.id for found in await catalogue.find(A, reference)] == ids


async def test_the_speakers_are_those_of_the_newest_reports(catalogue: Catalogue) -> None:
    assert await catalogue.speakers(A) == []
    first, second = content("file:1"), content("file:2")
    await catalogue.save(A, replace(report(first), outline=Outline(8.0, 16, 120.0, ("Zoe", "Eve"), "en", ())))
    await catalogue.save(A, report(first, 2))
    await catalogue.save(A, replace(report(second), outline=Outline(8.0, 16, 120.0, ("\u00c9va", "Bob"), "en", ())))
    await catalogue.save(A, replace(report(content("file:3")), outline=None))
    assert await catalogue.speakers(A) == ["Ada", "Bob", "\u00c9va"]
    assert await catalogue.speakers(B) == []


async def test_what_cites_a_content_is_known(catalogue: Catalogue) -> None:
    cited = ContentId("web:1")
    for about in (content("file:2"), content("file:1"), content("web:1")):
        await catalogue.save(A, report(about))
    await catalogue.save(A, report(content("file:3")))
    await catalogue.save(A, replace(report(content("file:3"), 2), fact_checks=None))
    named = replace(
        report(content("file:4"), 1), fact_checks=None, missing=(Missing("notice", "web:1 is not evidence"),)
    )
    await catalogue.save(A, named)
    assert await catalogue.citing(A, cited) == ["file:1", "file:2"]
    assert await catalogue.citing(B, cited) == []
    assert await catalogue.citing(A, ContentId("file:1")) == []
    await catalogue.forget(A, cited)
    assert await catalogue.citing(A, cited) == []


async def test_scopes_never_meet(catalogue: Catalogue) -> None:
    about = content("file:1")
    await catalogue.save(A, report(about))
    assert await catalogue.begin_effect(A, about.id, "notice") == "new"
    assert await catalogue.report(B, about.id) is None
    assert await catalogue.find(B, about.id) == []
    assert await catalogue.listing(B) == []
    assert await catalogue.next_revision(B, about.id) == 1
    assert await catalogue.begin_effect(B, about.id, "notice") == "new"
    assert await catalogue.forget(B, about.id) == 1
    assert await catalogue.report(A, about.id) is not None
    assert await catalogue.begin_effect(A, about.id, "notice") == "unknown"


async def test_an_effect_is_new_once_and_unknown_until_confirmed(catalogue: Catalogue) -> None:
    one = ContentId("file:1")
    assert await catalogue.begin_effect(A, one, "notice") == "new"
    assert await catalogue.begin_effect(A, one, "notice") == "unknown"
    assert await catalogue.begin_effect(A, one, "another") == "new"
    await catalogue.confirm_effect(A, "notice", "message 7")
    assert await catalogue.begin_effect(A, one, "notice") == "done"


async def test_an_abandoned_effect_may_be_tried_again_but_not_a_confirmed_one(catalogue: Catalogue) -> None:
    one = ContentId("file:1")
    await catalogue.begin_effect(A, one, "notice")
    await catalogue.abandon_effect(A, "notice")
    assert await catalogue.begin_effect(A, one, "notice") == "new"
    await catalogue.confirm_effect(A, "notice", "message 7")
    await catalogue.abandon_effect(A, "notice")
    assert await catalogue.begin_effect(A, one, "notice") == "done"


async def test_confirming_what_was_never_announced_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(BadRequestError, match="'notice' was never announced"):
        await catalogue.confirm_effect(A, "notice", "message 7")


def correction(content_id: str, number: int = 1, note: str = "") -> Correction:
    return Correction(
        id=f"id{number}",
        content_id=ContentId(content_id),
        kind=CorrectionKind.VERDICT,
        quote="Rents rose by 12 percent",
        start_s=0.0,
        corrected="refuted",
        by="Eve \u00c9",
        made_at=f"2026-02-{number:02}T00:00:00Z",
        note=note,
    )


async def test_corrections_stay_over_a_new_revision_and_come_oldest_first(catalogue: Catalogue) -> None:
    about, other = content("file:1"), content("file:2")
    for each in (about, other):
        await catalogue.save(A, report(each))
    second, first, elsewhere = correction("file:1", 2), correction("file:1", 1), correction("file:2", 3)
    for made in (second, first, elsewhere):
        await catalogue.correct(A, made)
    await catalogue.save(A, replace(report(about, 2), corrections=(elsewhere,)))
    found = await catalogue.report(A, about.id)
    assert found is not None
    assert (found.revision, found.corrections) == (2, (first, second))
    assert await catalogue.corrections(A, about.id) == [first, second]
    assert await catalogue.corrections(A) == [first, second, elsewhere]
    assert await catalogue.corrections(B) == []


async def test_a_correction_of_what_is_not_there_any_more_says_so(catalogue: Catalogue) -> None:
    await catalogue.save(A, report(content("file:1")))
    await catalogue.correct(A, correction("file:1"))
    await catalogue.save(A, replace(report(content("file:1"), 2), fact_checks=None))
    found = await catalogue.report(A, ContentId("file:1"))
    assert found is not None
    assert [each.applies for each in found.corrections] == [False]


async def test_of_one_id_the_last_correction_counts_and_it_can_be_withdrawn(catalogue: Catalogue) -> None:
    await catalogue.save(A, report(content("file:1")))
    for note in ("first", "second"):
        await catalogue.correct(A, correction("file:1", note=note))
    assert [each.note for each in await catalogue.corrections(A)] == ["second"]
    assert not await catalogue.withdraw_correction(B, ContentId("file:1"), "id1")
    assert await catalogue.withdraw_correction(A, ContentId("file:1"), "id1")
    assert not await catalogue.withdraw_correction(A, ContentId("file:1"), "id1")
    assert await catalogue.corrections(A) == []


async def test_nothing_is_corrected_without_a_report(catalogue: Catalogue) -> None:
    await catalogue.enter(A, content("file:1"))
    with pytest.raises(BadRequestError, match="no report on file:1"):
        await catalogue.correct(A, correction("file:1"))
    await catalogue.save(A, report(content("file:1")))
    with pytest.raises(BadRequestError, match="no report on file:1"):
        await catalogue.correct(B, correction("file:1"))


async def test_forgetting_takes_the_corrections_too(catalogue: Catalogue, tmp_path: Path) -> None:
    await catalogue.save(A, replace(report(content("file:1")), fact_checks=None))
    await catalogue.correct(A, correction("file:1", note=SECRET))
    assert await catalogue.forget(A, ContentId("file:1")) == 3
    assert await catalogue.corrections(A) == []
    assert [path.name for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()] == []


async def test_forgetting_leaves_no_trace_on_disk(catalogue: Catalogue, tmp_path: Path) -> None:
    def traces() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()]

    gone, kept = content("file:1", f"About {SECRET}"), content("file:2", "About nothing")
    for revision in range(1, 30):  # enough to move rows between pages
        await catalogue.save(A, report(gone, revision))
        await catalogue.save(A, replace(report(kept, revision), summary=()))
    await catalogue.begin_effect(A, gone.id, f"notice on {SECRET}")
    assert bool(traces()) is isinstance(catalogue, SqliteCatalogue)
    assert await catalogue.forget(A, gone.id) == 31
    assert traces() == []
    assert await catalogue.report(A, gone.id) is None
    assert await catalogue.find(A, gone.id) == []
    assert [entry.content for entry in await catalogue.listing(A)] == [kept]
    assert await catalogue.next_revision(A, kept.id) == 30
    assert await catalogue.forget(A, gone.id) == 0


async def test_a_report_of_another_shape_is_refused_with_the_way_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalogue.db", SCHEMA)
    catalogue = SqliteCatalogue(database)
    await catalogue.save(A, report(content("file:1")))

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("""UPDATE reports SET report = CAST('{"schema": "udib.report/0"}' AS BLOB)""")

    await database.run(spoil)
    with pytest.raises(BadRequestError, match=r"report on file:1 cannot be read by this udib .*; analyze it again"):
        await catalogue.report(A, ContentId("file:1"))
    await database.close()


async def test_the_listing_knows_the_length_that_the_report_found(catalogue: Catalogue) -> None:
    await catalogue.save(A, report(content("file:1")))
    await catalogue.save(A, replace(report(content("file:2")), outline=None))
    assert sorted((str(each.content.id), each.duration_s) for each in await catalogue.listing(A)) == [
        ("file:1", 8.0),
        ("file:2", None),
    ]


async def test_a_catalogue_of_the_first_schema_gets_the_lengths_of_its_reports(tmp_path: Path) -> None:
    first = Database(tmp_path / "catalogue.db", SCHEMA[:1])
    one = report(content("file:1"))

    def save(connection: sqlite3.Connection) -> None:
        keys = (A.tenant, A.workspace, "file:1")
        about = ("1", "file:///1", None, "1", msgspec.json.encode(one.content))
        connection.execute("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*keys, *about))
        for revision, raw in ((1, b"no report"), (2, msgspec.json.encode(one))):
            row = (*keys, revision, one.created_at, 16, 2, raw)
            connection.execute("INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    await first.run(save)
    await first.close()
    database = Database(tmp_path / "catalogue.db", SCHEMA)
    assert [each.duration_s for each in await SqliteCatalogue(database).listing(A)] == [8.0]
    await database.close()


async def test_a_healthy_catalogue_says_so(catalogue: Catalogue) -> None:
    assert (await catalogue.ping()).ok


RACE = """
import asyncio, sys
from records_place import catalogue_at
from udib.core.tenancy import Scope
async def main():
    async with catalogue_at(sys.argv[1]) as catalogue:
        scope = Scope.of("acme", "main")
        print(*[key for key in map(str, range(60)) if await catalogue.begin_effect(scope, "file:1", key) == "new"])
asyncio.run(main())
"""


def test_of_two_processes_one_makes_each_effect(address: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", RACE, address]
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [key for child in children for key in child.communicate()[0].split()]
    assert sorted(made, key=int) == [str(number) for number in range(60)]
