"""What yt-dlp's failures mean for the user.

They are known by the names of their classes, so that the child alone imports yt-dlp. Source of the tables: failures
provoked on a local site, and the message texts in yt-dlp's code.
"""

import re
from collections.abc import Iterator

from udib.core.errors import BadRequestError, Status, UdibError, UnavailableError, error_for
from udib.net.status import status_error
from udib.sources.ytdlp_health import UPDATE

_BAD, _NO, _LATER = Status.BAD_REQUEST, Status.FORBIDDEN, Status.RETRYABLE
_GONE = "{host} has nothing at this address any more; check it."
_NOTHING = "No video or sound was found at this address of {host}."
_ABROAD = "{host} does not show this item in your country."
_NOT_YET = "This item has not begun yet; try again when it has ended."
_PATTERNS = (
    (_LATER, "{host} takes this machine for a robot; wait some hours before the next try.", r"not a bot|captcha"),
    (_NO, "{host} shows this item to adults only, after a login.", r"age.restrict|confirm your age"),
    (
        _NO,
        "{host} shows this item to its members only.",
        r"private|members.only|log.?in|sign in|registered users|subscribers|password|premium",
    ),
    (_NO, "This item is protected against copying (DRM).", r"\bDRM\b"),
    (_NO, _ABROAD, r"(not|n't) (made this video )?available (in|from) your|geo.?restrict|in your country"),
    (_LATER, _NOT_YET, r"will begin|premieres? in|upcoming|not currently live|is offline|not started"),
    (_BAD, _GONE, r"removed|unavailable|does not exist|no longer|deleted|terminated|not found"),
    (_BAD, _NOTHING, r"not a valid URL|Unsupported (URL|url scheme)|file:// URLs"),
    (
        _LATER,
        f"{{host}} offers nothing that this yt-dlp can fetch; update it: {UPDATE}",
        r"format is not available|only images|no video formats",
    ),
    (_LATER, "{host} broke off the download; try again.", r"empty|did not get any data|downloaded \d+ bytes, expected"),
    (_LATER, "The disk is full; make room and try again.", r"No space left"),
    (_BAD, "This item is published in a way that cannot be fetched safely (it needs ffmpeg).", r"ffmpeg"),
)
_TEXTS = tuple((status, sentence, re.compile(pattern, re.IGNORECASE)) for status, sentence, pattern in _PATTERNS)


_ASTRAY = "{host} redirects to something that is no web address, or in a circle{status}; check the address."
_CLASSES = {
    "InvalidSchema": (_BAD, _ASTRAY),  # of requests, which yt-dlp takes where it is installed
    "TooManyRedirects": (_BAD, _ASTRAY),
    "UnsupportedError": (_BAD, _NOTHING),
    "GeoRestrictedError": (_NO, _ABROAD),
    "UserNotLive": (_LATER, "This channel is not live; give the address of a recording."),
    "CertificateVerifyError": (_LATER, "{host} has no valid certificate, so the connection was not made."),
    "TransportError": (_LATER, "{host} could not be reached or broke off; try again."),
}


def explain(error: BaseException, host: str) -> UdibError:
    """The error that a failure of yt-dlp stands for: by class, then by HTTP status, then by its text.

    Raises:
        MemoryError: The failure comes from one; nothing after it can be relied on.
    """
    for each in _chain(error):
        if (known := _by_class(each, host)) is not None:
            return known
    if (found := re.search(r"HTTP Error ([345]\d\d)", str(error))) is not None:
        return _by_status(int(found.group(1)), host)
    text = _without_noise(str(error))
    for status, sentence, pattern in _TEXTS:
        if pattern.search(text):
            return error_for(status, sentence.format(host=host))
    return UnavailableError(f"yt-dlp could not read this address of {host}: {text}. Try: {UPDATE}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that caused it, each once, outermost first."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            inner = getattr(each, "exc_info", None) or (None, None)
            waiting += [inner[1], getattr(each, "cause", None), each.__cause__, *getattr(each, "unexpected_errors", ())]
            yield each


def _by_class(error: BaseException, host: str) -> UdibError | None:
    if isinstance(error, MemoryError):
        raise error
    for name in (kind.__name__ for kind in type(error).__mro__):
        if name == "DownloadCancelled":  # by our own limits, in our own words
            return BadRequestError(str(error))
        if name == "HTTPError":
            return _by_status(int(getattr(error, "status", 0)), host)
        if name in _CLASSES:
            status, sentence = _CLASSES[name]
            return error_for(status, sentence.format(host=host, status=""))
    return None


def _by_status(status: int, host: str) -> UdibError:
    if 300 <= status < 400:  # what can be followed was followed
        return BadRequestError(_ASTRAY.format(host=host, status=f" (HTTP {status})"))
    return status_error(status, host)


def _without_noise(text: str) -> str:
    """A yt-dlp message without its prefix and its advice to report a bug."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text).removeprefix("ERROR: ")
    text = re.sub(r"^\[[^\]]+\] ([^:\s]+: )?", "", text)
    return re.split(r"; please report|\. Use --|\n|; see ", text)[0].strip()[:200].rstrip(".")
