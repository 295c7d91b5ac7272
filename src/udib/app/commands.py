"""What the commands do: open the app, call it, print what it says, and give the exit code."""

import shlex
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from udib.app import present
from udib.app.bootstrap import App, open_app
from udib.app.observability import configure_logging
from udib.app.plan import plan_answer, planned_answer_text
from udib.app.settings import Settings, load_settings
from udib.core.errors import BadRequestError, Status, UdibError, error_for
from udib.core.findings import Report
from udib.core.result import StepResult
from udib.core.types import ChangeKind, Content, ContentId, EvidenceChange, Listing, ListingState
from udib.core.vectors import Filters
from udib.pipeline.naming import GivenNames
from udib.sources.paths import absolute

EXIT_CODES = {
    Status.OK: 0,
    Status.SKIPPED: 0,
    Status.FAILED: 1,
    Status.BAD_REQUEST: 2,
    Status.RETRYABLE: 3,
    Status.FORBIDDEN: 4,
}


_LEAST_TO_READ = 4
_LEAST_TO_FORGET = 8
"""Characters of an id, after its platform, that name an item. What was forgotten by mistake does not come back."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of every command."""

    tenant: str | None = None
    workspace: str | None = None
    data_dir: str | None = None
    config: str | None = None
    json: bool = False
    quiet: bool = False

    def settings(self) -> Settings:
        """The settings with these options on top."""
        return load_settings(self.config, **self.overrides())

    def overrides(self) -> dict[str, object]:
        """The options that are settings, by name; None where an option was not given.

        Raises:
            BadRequestError: One that names a directory is empty, which would mean the current one.
        """
        for name, value in (("data-dir", self.data_dir), ("config", self.config)):
            refuse_empty(name, value)
        data_dir = None if self.data_dir is None else Path(self.data_dir)
        return {"tenant": self.tenant, "workspace": self.workspace, "data_dir": data_dir}

    def repeated(self) -> str:
        """The options as they have to be given again, to look at the same data."""
        named = {"tenant": self.tenant, "workspace": self.workspace, "data-dir": self.data_dir, "config": self.config}
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in named.items() if value is not None)


@dataclass(frozen=True, slots=True)
class AskOrder:
    """What `udib ask` was asked."""

    question: str
    limit: int
    speaker: str | None
    content: str | None
    dry_run: bool


async def ask(order: AskOrder, options: Options) -> int:
    """Answer a question from memory; "nothing found" is an answer."""
    content, speaker = order.content, order.speaker
    async with opened(options) as app:
        named = content is not None or speaker is not None
        nothing = named and await _is_empty(app)  # then there is no item and no speaker that could be named
        only = None if content is None or nothing else (await named_content(app, content)).id
        who = None if speaker is None or nothing else await _speaker(app, speaker)
        filters = Filters(content_id=only, speaker=who)
        if order.dry_run:
            planned = await plan_answer(app, await app.find(order.question, limit=order.limit, filters=filters))
            present.emit(planned, planned_answer_text(planned), as_json=options.json)
            return 0
        result = await app.ask(order.question, limit=order.limit, filters=filters)
        if not result.success:
            return failed(result, options)
        answer = result.unwrap()
        if not answer.passages and await _is_empty(app):
            answer = replace(answer, note=present.nothing_stored(app.scope))
        present.emit(answer, present.answer_text(answer), as_json=options.json)
        return 0


async def _is_empty(app: App) -> bool:
    """Whether nothing of the scope could be found. It reads the whole listing, so an answer does not wait for it."""
    listing = await app.catalogue.listing(app.scope)
    return all(each.state is ListingState.NOT_FINISHED for each in listing)


async def show(reference: str, options: Options) -> int:
    """Print the newest report of one item."""
    async with opened(options) as app:
        content = await named_content(app, reference)
        report = await app.catalogue.report(app.scope, content.id)
        if report is None:
            raise BadRequestError(f"{content.title!r} is not finished; {present.ways_on(content)}.")
        print_report(report, options)
        change = (await app.changes.of(app.scope)).get(content.id)
        if change is not None and change.is_since(report.created_at):
            present.complain(present.changed_text(content, change))
        return 0


async def note_change(app: App, content_ids: Sequence[ContentId], kind: ChangeKind) -> None:
    """Note that the evidence for the claims of some items has changed now."""
    if content_ids:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        await app.changes.note(app.scope, content_ids, EvidenceChange(kind, now))


async def list_contents(options: Options) -> int:
    """Print what is stored."""
    async with opened(options) as app:
        changes = await app.changes.of(app.scope)
        listing = [_with_change(each, changes) for each in await app.catalogue.listing(app.scope)]
        present.emit(listing, present.listing_text(listing, app.scope, present.columns()), as_json=options.json)
        return 0


def _with_change(listing: Listing, changes: Mapping[ContentId, EvidenceChange]) -> Listing:
    change = changes.get(listing.content.id)
    return replace(listing, changed=change) if change and change.is_since(listing.created_at) else listing


async def forget(reference: str, options: Options, *, confirmed: bool) -> int:
    """Remove one item from every store and print the proof."""
    async with opened(options) as app:
        content = await named_content(app, reference, least=_LEAST_TO_FORGET)
        return await forget_content(app, content, repr(content.title), options, confirmed=confirmed)


async def forget_content(app: App, content: Content, called: str, options: Options, *, confirmed: bool) -> int:
    """Remove a content from every store if that is meant, mark the items that cite it, and print the proof.

    Raises:
        BadRequestError: Whoever was asked does not mean it.
    """
    if not confirmed and sys.stdin.isatty() and not present.confirm(f"Forget {called} ({content.id}) for good?"):
        raise BadRequestError("Nothing was forgotten.")
    citing = await app.catalogue.citing(app.scope, content.id)
    result = await app.pipeline.forget(content.id)
    if not result.success:
        return failed(result, options)
    forgotten = result.unwrap()
    await note_change(app, citing, ChangeKind.REMOVED)
    present.emit(forgotten, present.forgotten_text(forgotten, content), as_json=options.json)
    return 0 if not any(count for _, count in forgotten.left) else EXIT_CODES[Status.FAILED]


def explain(error: UdibError, *, as_json: bool) -> int:
    """Say one sentence on standard error, and as JSON on standard output if that was asked for; give the exit code."""
    present.complain(str(error))
    if as_json:
        sentence = str(error).encode("utf-8", "backslashreplace").decode()
        document = {"schema": "udib.error/1", "status": error.status.value, "error": sentence}
        try:
            present.emit(document, None, as_json=True)
        except UdibError as lost:  # the code stays that of the first error
            present.complain(str(lost))
    return EXIT_CODES[error.status]


def refuse_empty(option: str, value: str | None) -> None:
    """An empty directory's name would mean the current one.

    Raises:
        BadRequestError: It is empty.
    """
    if value is not None and not value.strip():
        raise BadRequestError(f"--{option} names no directory; give one, or leave it out.")


@asynccontextmanager
async def opened(options: Options) -> AsyncGenerator[App]:
    """The app as the options want it, with its logging set up."""
    settings = options.settings()
    configure_logging(settings.log.level)
    async with open_app(settings) as app:
        yield app


async def _speaker(app: App, name: str) -> str:
    """The speaker as the transcripts, or readers who corrected them, spell the name.

    Raises:
        BadRequestError: Nobody of that name speaks in what is stored; the sentence lists who does.
    """
    given = await GivenNames.of(app.catalogue, app.scope)
    known = sorted({*await app.catalogue.speakers(app.scope), *await given.people()})
    found = [speaker for speaker in known if speaker.casefold() == name.strip().casefold()]
    if not found:
        there = f"there are {', '.join(known[:10])}" if known else "no speaker is known"
        raise BadRequestError(f"Nobody called {name!r} speaks in what is stored; {there}.")
    return name if name in found else found[0]


async def named_content(app: App, reference: str, *, least: int = _LEAST_TO_READ) -> Content:
    """The one stored item that a reference names, by at least `least` characters of its id.

    Raises:
        BadRequestError: None or several do; the sentence lists them.
    """
    reference = reference.strip()
    found = await app.catalogue.find(app.scope, reference)
    if not found and "://" not in reference:
        found = await app.catalogue.find(app.scope, _file_address(reference))
    if not found:
        raise BadRequestError(f"Nothing stored is called {reference!r}; `udib list` shows what is.")
    found = [content for content in found if _is_named(content, reference, least)]
    if not found:
        raise BadRequestError(
            f"{reference!r} is too short to name an item; give its title, or at least {least} characters of its id "
            "after the platform: `udib list` shows both."
        )
    if len(found) > 1:
        analysed = {each.content.id: each.created_at for each in await app.catalogue.listing(app.scope)}
        names = "; ".join(present.told_apart(content, analysed.get(content.id)) for content in found[:5])
        raise BadRequestError(f"{reference!r} names {len(found)} items: {names}. Give more of the id.")
    return found[0]


def _is_named(content: Content, reference: str, least: int) -> bool:
    """Whether enough of a found item is given: its whole id, its title or address, or enough of its id."""
    native = content.id.partition(":")[2]
    whole = {content.id, native, content.address, content.url}
    if reference in whole or content.title.strip().casefold() == reference.casefold():
        return True
    if native.startswith(reference):
        return len(reference) >= least
    # Found by the beginning of its id, or else by a title or path in another spelling.
    return not content.id.startswith(reference) or len(reference) - (len(content.id) - len(native)) >= least


def _file_address(path: str) -> str:
    return absolute(path).as_uri()


def print_report(report: Report, options: Options) -> None:
    """The report, and where its files lie."""
    paths = present.whereabouts(report, options.repeated())
    present.emit(report, present.report_text(report), as_json=options.json, paths=paths)


def failed(result: StepResult[Any], options: Options) -> int:
    """Say why there is no result, and give the exit code."""
    return explain(error_for(result.status, result.error or result.status.value), as_json=options.json)
