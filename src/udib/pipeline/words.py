"""Whether the words can be those of the recording, and as good as those that a report had before."""

from udib.core.errors import BadRequestError
from udib.core.findings import Report
from udib.core.speech import Missing, Origin, Transcript
from udib.core.types import Content, Media, Platform

# Captions are cut to the recording: more than this beyond its end is another recording's.
_BEYOND = 1.1
_BEYOND_S = 60.0
# Music and silence may follow the last words, but hardly as long as all before.
_LEAST_COVERED = 0.5
_BETTER_WORDS = "better words"
_FORMER_TITLE = "former title"
_NAMES = {
    Origin.TRANSCRIPT: "a transcript",
    Origin.CAPTIONS: "captions",
    Origin.AUTOMATIC_CAPTIONS: "automatic captions",
    Origin.ASR: "the recogniser",
}


def decisive(media: Media) -> object:
    """What of a media decides its transcript: the bytes that hold the words, wherever they lie."""
    if not media.digest:
        return media
    track = media.captions
    return (media.digest, media.language, track and (track.language, track.automatic))


def uncovered(transcript: Transcript, duration_s: float | None) -> tuple[Missing, ...]:
    """What captions leave out of a recording of that length, by their times.

    Raises:
        BadRequestError: They go on long after its end.
    """
    if duration_s is None or not transcript.timed or transcript.origin is Origin.ASR:
        return ()
    end_s = transcript.duration_s
    if end_s > duration_s * _BEYOND + _BEYOND_S:
        raise BadRequestError(
            f"The captions go on until {end_s:.0f} s, but the recording ends at {duration_s:.0f} s: they belong to "
            "another one; give its own."
        )
    if end_s < duration_s * _LEAST_COVERED and duration_s - end_s > _BEYOND_S:
        reason = f"they end at {end_s:.0f} s of {duration_s:.0f} s; what is said after that is not in this report"
        return (Missing("captions", reason),)
    return ()


def changes(before: Report | None, content: Content, transcript: Transcript, *, revision: int) -> tuple[Missing, ...]:
    """What a reader of the report before, which this one of number `revision` replaces, would miss in it.

    A run that was interrupted after it had stored its report finds that one before it, and says the same again.
    """
    if before is None:
        return ()
    if before.revision == revision:
        return tuple(gap for gap in before.missing if gap.part in {_BETTER_WORDS, _FORMER_TITLE})
    found = []
    order = list(Origin)
    origin = Origin(before.transcript.origin)
    if order.index(transcript.origin) > order.index(origin):
        found.append(
            Missing(
                _BETTER_WORDS,
                f"the report before had its words from {_NAMES[origin]}, this one from {_NAMES[transcript.origin]}, "
                "which is less accurate; analyse it with --captions to have better ones",
            )
        )
    old = before.content
    if content.platform is Platform.FILE and old.address != content.address and old.title != content.title:
        reason = f"the same file was analysed before as {old.title!r} ({old.address}); this report replaces that one"
        found.append(Missing(_FORMER_TITLE, reason))
    return tuple(found)
