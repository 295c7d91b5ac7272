"""What a catalogue keeps in its tables, whichever database they lie in. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from udib.core.corrected import with_corrections
from udib.core.corrections import Correction
from udib.core.errors import BadRequestError
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Listing, ListingState

AFTER_ALL: Final = "\U0010ffff"
"""Added to the beginning of a name, it makes the end of the range of all names that begin so."""


def keys(scope: Scope, **more: str) -> dict[str, str]:
    """The values that every statement has."""
    return {"tenant": scope.tenant, "workspace": scope.workspace, **more}


def content_row(scope: Scope, content: Content) -> dict[str, str | bytes | None]:
    """A content, and what it is found by."""
    return {
        **keys(scope, content_id=content.id),
        "native_id": native(content.id),
        "address": content.address,
        "url": content.url,
        "title": folded(content.title),
        "content": msgspec.json.encode(content),
    }


def report_row(scope: Scope, report: Report) -> dict[str, Any]:
    """A report, and what is listed of it."""
    return {
        **keys(scope, content_id=report.content.id),
        "revision": report.revision,
        "created_at": report.created_at,
        "words": report.transcript.words,
        "claims": len(report.fact_checks.checks) if report.fact_checks else 0,
        "report": msgspec.json.encode(report),
        "duration_s": report.outline.duration_s if report.outline else None,
        "remembered": report.remembered,
    }


def listing(row: Sequence[Any]) -> Listing:
    """An entry of the list of contents, from the content, the facts of its newest report, and its state."""
    content, *facts, state = row
    return replace(Listing(msgspec.json.decode(content, type=Content), *facts), state=ListingState(state))


def read_content(raw: bytes) -> Content:
    """A content as it was stored."""
    return msgspec.json.decode(raw, type=Content)


def read_report(raw: bytes, content_id: str) -> Report:
    """A report as it was stored.

    Raises:
        BadRequestError: It cannot be read by this version of udib.
    """
    try:
        return msgspec.json.decode(raw, type=Report)
    except msgspec.DecodeError as exc:
        raise BadRequestError(
            f"The stored report on {content_id} cannot be read by this udib ({exc}); analyze it again."
        ) from exc


def correction_row(scope: Scope, correction: Correction) -> dict[str, Any]:
    """A correction, and what it is found by."""
    return {
        **keys(scope, content_id=correction.content_id, id=correction.id, made_at=correction.made_at),
        "correction": msgspec.json.encode(correction),
    }


def read_corrections(rows: Sequence[Sequence[Any]]) -> list[Correction]:
    """Corrections as they were stored."""
    return [msgspec.json.decode(row[0], type=Correction) for row in rows]


def corrected(raw: bytes, content_id: str, corrections: Sequence[Sequence[Any]]) -> Report:
    """A report as it was stored, with the stored corrections.

    Raises:
        BadRequestError: It cannot be read by this version of udib.
    """
    return with_corrections(read_report(raw, content_id), read_corrections(corrections))


def nothing_to_correct(correction: Correction) -> BadRequestError:
    """Why a correction cannot be kept."""
    return BadRequestError(f"There is no report on {correction.content_id} that could be corrected; analyze it first.")


def without_words_of(raw: bytes, owner: str, content_id: ContentId) -> tuple[bytes, int]:
    """A stored report without the words of a content that it cites, and how many citations there were.

    Raises:
        BadRequestError: It cannot be read by this version of udib.
    """
    report = read_report(raw, owner)
    return msgspec.json.encode(report.without_evidence_of(content_id)), report.cites(content_id)


def meant(found: list[Content], reference: str) -> list[Content]:
    """Of what a reference may mean: a complete id is meant even where it is the beginning of a longer one."""
    return [content for content in found if reference in {content.id, native(content.id)}] or found


def never_announced(key: str) -> BadRequestError:
    """Why an effect cannot be confirmed."""
    return BadRequestError(f"The effect {key!r} was never announced, or its content has been forgotten.")


def native(content_id: ContentId) -> str:
    """An id without its platform."""
    return content_id.partition(":")[2]


def folded(title: str) -> str:
    """A title as it is compared."""
    return unicodedata.normalize("NFC", title.strip().casefold())
