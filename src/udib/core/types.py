"""What was published, remembered and told: the values that rooms hand to each other.

All times are seconds from the start of the item; all dates are UTC, ISO 8601. What was said is in `udib.core.speech`,
what it means in `udib.core.findings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from udib.core.speech import Missing, Segment

ContentId = NewType("ContentId", str)
"""`platform:native-id`, unique within a tenant; files are `file:` and the first 32 hex digits of their sha256."""

Vector = Sequence[float]
"""An embedding: finite numbers, L2-normalised."""


class Platform(StrEnum):
    """Where a content was published."""

    FILE = "file"
    YOUTUBE = "youtube"
    TWITCH = "twitch"
    TIKTOK = "tiktok"
    REDDIT = "reddit"
    WEB = "web"

    @classmethod
    def of(cls, address: str) -> "Platform":
        """Which one an address leads to, as far as its host tells."""
        if not address.lower().startswith(("http://", "https://")):
            return cls.FILE
        host = address.partition("//")[2].lower()
        for separator in "/?#\\":
            host = host.partition(separator)[0]
        host = f".{host.rpartition('@')[2].partition(':')[0]}"
        return next((platform for end, platform in _HOSTS if host.endswith(end)), cls.WEB)


_HOSTS = (
    (".youtube.com", Platform.YOUTUBE),
    (".youtu.be", Platform.YOUTUBE),
    (".twitch.tv", Platform.TWITCH),
    (".tiktok.com", Platform.TIKTOK),
    (".reddit.com", Platform.REDDIT),
    (".redd.it", Platform.REDDIT),
)


@dataclass(frozen=True, slots=True)
class Content:
    """One published item. `url` is the link for readers, None for a local file; `address` is what the user gave."""

    id: ContentId
    platform: Platform
    address: str
    title: str
    url: str | None = None
    author: str | None = None
    published_at: str | None = None
    duration_s: float | None = None
    language: str | None = None

    def link(self, second: float) -> str:
        """The address of one second of the item, to be opened in a browser."""
        whole = max(int(second), 0)
        if self.url is None:
            return f"{self.address}#t={whole}"
        if self.platform is Platform.YOUTUBE:
            return f"{self.url}{'&' if '?' in self.url else '?'}t={whole}s"
        if self.platform is Platform.TWITCH:
            hours, rest = divmod(whole, 3600)
            return f"{self.url}?t={hours}h{rest // 60}m{rest % 60}s"
        return f"{self.url.split('#')[0]}#t={whole}"


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """A caption or transcript file on disk. `automatic` marks a track that a recogniser made."""

    path: str
    language: str | None = None
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """What was fetched of a content. At least one of `captions` and `path` (a file with sound) is set.

    `digest` is the sha256 of the file that the words are taken from (the captions if there are any), in hex: it decides
    whether an earlier transcript can be used again. `reason` says why this artefact was chosen, for the report;
    `language` is what the source says that is spoken.
    """

    path: str | None = None
    captions: CaptionTrack | None = None
    digest: str = ""
    reason: str = ""
    language: str | None = None


class RecordKind(StrEnum):
    """What a memory record holds; one collection each.

    Transcripts are what was said, claims what of it can be checked, analyses where a subject begins (chapters) and
    where somebody contradicts himself; documents are what was written, and added as evidence.
    """

    TRANSCRIPT = "transcripts"
    CLAIM = "claims"
    ANALYSIS = "analyses"
    DOCUMENT = "documents"


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """Something to remember: words that were said, with where, when and by whom. `text` is verbatim.

    `low_accuracy` marks words of a fallback recogniser, which need checking by ear; `doubtful` are the numbers of the
    words, from 0 and as white space parts them, that were not heard clearly; `verdict` is a claim's label.
    Of a document there are no times: the seconds are 0, and its publisher stands for the speaker.
    """

    kind: RecordKind
    content_id: ContentId
    number: int
    text: str
    start_s: float
    end_s: float
    title: str
    link: str
    speaker: str | None = None
    published_at: str | None = None
    context: str = ""
    low_accuracy: bool = False
    verdict: str | None = None
    publisher: str | None = None
    doubtful: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReaderNote:
    """What a reader corrected in the words of a passage: the fields of a `Correction` that say it."""

    kind: str
    quote: str
    corrected: str
    by: str
    made_at: str
    note: str = ""
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A record found in memory.

    Attributes:
        record: The record.
        score: Ranks within one answer only.
        similarity: Cosine of the meanings in [-1, 1].
        matched: The query's words that the text holds.
        also: The same said elsewhere, earliest first.
        before: What was said before in the same item, where it was asked for.
        after: What was said after.
        corrections: What readers corrected in its words; a right name stands in `record`, the label in the correction.
    """

    record: MemoryRecord
    score: float
    similarity: float
    matched: tuple[str, ...] = ()
    also: tuple[MemoryRecord, ...] = ()
    before: tuple[MemoryRecord, ...] = ()
    after: tuple[MemoryRecord, ...] = ()
    corrections: tuple[ReaderNote, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundedStatement:
    """What a model says to a question, founded on passages.

    Attributes:
        text: Its words.
        cites: The passages that say it, by their number from 1.
        quotes: What it quotes of them, word for word.
    """

    text: str
    cites: tuple[int, ...]
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What memory says to a question, best passage first; no passages: nothing was found, and `note` says so.

    Attributes:
        question: What was asked.
        passages: What was said, word for word.
        note: What is to be said of the answer itself.
        statements: What a model makes of the passages, if one is named in the settings; each is founded on them.
        dropped: How many statements of the model were left out because no passage says them.
        model: Who wrote the statements; empty: nobody.
        cost_usd: What they cost.
    """

    question: str
    passages: tuple[Passage, ...]
    note: str = ""
    statements: tuple[FoundedStatement, ...] = ()
    dropped: int = 0
    model: str = ""
    cost_usd: float = 0.0


class ListingState(StrEnum):
    """How far an item has come: a report and all its words are stored; not all words; or there is no report yet."""

    STORED = "stored"
    INCOMPLETE = "incomplete"
    NOT_FINISHED = "not finished"


class ChangeKind(StrEnum):
    """What changed of the evidence for an item's claims since it was analysed."""

    ADDED = "a document on its claims was added"
    REMOVED = "evidence of it was removed"
    CORRECTED = "what it cites was corrected"


@dataclass(frozen=True, slots=True)
class EvidenceChange:
    """The last change of the evidence for an item's claims. `at` is UTC."""

    kind: ChangeKind
    at: str

    def is_since(self, created_at: str) -> bool:
        """Whether it came after a report that was made then."""
        return bool(created_at) and datetime.fromisoformat(self.at) > datetime.fromisoformat(created_at)


@dataclass(frozen=True, slots=True)
class Listing:
    """One item, as a list shows it. Without a report its `revision`, `words` and `claims` are 0, `created_at` is "".

    `duration_s` is what the report says of its length, None if nothing; `changed` how the evidence for its claims has
    changed since.
    """

    content: Content
    revision: int
    created_at: str
    words: int
    claims: int
    duration_s: float | None = None
    state: ListingState = ListingState.STORED
    changed: EvidenceChange | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """One thing that was written or posted. `kind` is "markdown", "html", "json", "captions" or "discord"."""

    kind: str
    where: str


@dataclass(frozen=True, slots=True)
class Health:
    """What one adapter says of itself. `remedy` is what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Some segments of a transcript in the making. `done_s` of `total_s` seconds are finished; None: unknown.

    `missing` is what is known so far to be lost, `language` what the words' own file says of them.
    """

    segments: tuple[Segment, ...]
    done_s: float
    total_s: float | None = None
    missing: tuple[Missing, ...] = ()
    language: str | None = None

    @property
    def goes_on(self) -> bool:
        """Whether another window follows, as far as one can tell."""
        return self.total_s is None or self.done_s < self.total_s


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of a run, for whoever shows progress. `done` and `total` are in the stage's own unit.

    `content_id` is set once, when it is known which item an address stands for.
    """

    stage: str
    state: str
    done: float = 0.0
    total: float | None = None
    note: str = ""
    content_id: ContentId | None = None
