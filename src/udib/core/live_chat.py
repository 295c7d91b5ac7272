"""What an audience wrote while somebody talked, and where it wrote far more than it usually does."""

from dataclasses import dataclass

from udib.core.speech import Quote


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a live chat. `time_s` counts from the start of the item; `writer` tells writers apart, no more."""

    time_s: float
    writer: str
    text: str


@dataclass(frozen=True, slots=True)
class ChatPeak:
    """A stretch in which far more people wrote than usual.

    Attributes:
        start_s: Its begin, in seconds from the start of the item.
        end_s: Its end.
        messages: How many messages there were.
        writers: How many people wrote in its busiest window.
        usual: How many write in a window, in the median of the item.
        words: What most of them wrote, at most three words; no names of writers, no links.
        said: The sentence that was being said when it began; None: nothing was.
    """

    start_s: float
    end_s: float
    messages: int
    writers: int
    usual: float
    words: tuple[str, ...] = ()
    said: Quote | None = None


@dataclass(frozen=True, slots=True)
class ChatActivity:
    """The live chat of an item: how much there was, and its peaks in order of time."""

    messages: int
    writers: int
    peaks: tuple[ChatPeak, ...] = ()
