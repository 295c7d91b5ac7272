"""No regular expression takes long, whatever a stranger wrote: each is run over the texts that are worst for it."""

import importlib
import os
import re
import signal
from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pkgutil import walk_packages
from resource import RLIMIT_CPU, setrlimit
from time import process_time

import udib
from udib.analysis.sentences import LONGEST_CHARACTERS

LONGEST = 20_000
MOST_S = 0.5
"""Seconds of processor time for one pattern over one text; a fit one takes a few milliseconds."""
MOST_SENTENCE_S = 1.0
"""The same for all patterns of the analysis together, each over the sentence that is worst for it."""
BITS = (
    "a", "a ", "A", "1", "1:", "1.", "1,", "0:00 ", "'", "- ", ", ", "...", "(", "[", "[(", "[__", "(a)", "<",
    "<!-- a -->", "<!--", "<v ", "<a", "{\\", '"', "_", " ", "\t", "\n", "\r\n", " \n", "> ", "-->", "A: ", "http://",
    "and so, ",
)  # fmt: skip
"""Beginnings of what our patterns look for; those of a pattern's own are added."""


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """All patterns that a module of udib holds, at any depth, each once with the name it was first seen under."""
    seen: set[int] = set()
    for module in walk_packages(udib.__path__, "udib."):
        for name, value in vars(
            importlib.import_module(module.name)  # noqa: TID251 - all of them, so that none is forgotten
        ).items():
            for pattern in held(value):
                if id(pattern) not in seen:
                    seen.add(id(pattern))
                    yield f"{module.name}.{name}", pattern


def held(value: object, depth: int = 4) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    """The patterns in a value of a module."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth:
        inner: list[object] = []
        if isinstance(value, Mapping):
            inner = [*value, *value.values()]
        elif isinstance(value, list | tuple | AbstractSet):
            inner = list(value)
        elif is_dataclass(value) and not isinstance(value, type):
            inner = [getattr(value, field.name, None) for field in fields(value)]
        for each in inner:
            yield from held(each, depth - 1)


def adversaries(pattern: re.Pattern[str] | re.Pattern[bytes], *, of_sentences: bool) -> Iterator[str]:
    """Texts that begin to match everywhere: a bit of the pattern, again and again, and spaces after it.

    Patterns of the analysis run over sentences, whose length has a limit.
    """
    size = LONGEST_CHARACTERS if of_sentences else LONGEST
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    words = [word.strip() for word in re.findall(r"[a-z][a-z' ]+", source)]
    for bit in dict.fromkeys([*BITS, *(f"{word} " for word in words[:12])]):
        yield (bit * size)[:size]
    for end in (" ", "\n", "1", "a"):
        yield from (f"{lead}{end * size}\0" for lead in ("", "(", "<", "a", "[", "0:00"))


def slow() -> Iterator[str]:
    """The patterns that take long, by name, with the beginning of the text over which they do."""
    sentence_s = 0.0
    for name, pattern in patterns():
        of_sentences = name.startswith("udib.analysis.")
        took_s, text = max((_seconds(pattern, text), text) for text in adversaries(pattern, of_sentences=of_sentences))
        sentence_s += took_s * of_sentences
        if took_s > MOST_S:
            yield f"{name} over {text[:12]!r}"
    if sentence_s > MOST_SENTENCE_S:
        yield f"all patterns of udib.analysis together: {sentence_s:.1f} s"


def _seconds(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    began = process_time()
    deque(pattern.finditer(text if isinstance(pattern.pattern, str) else text.encode()), 0)  # type: ignore[arg-type]
    return process_time() - began


def test_every_pattern_is_found() -> None:
    names = {name for name, _ in patterns()}
    assert {"udib.sources.media._OTHER_TEXT", "udib.transcripts.blocks._TIMES", "udib.delivery.text._WWW"} <= names
    assert len(names) > 90


def test_no_pattern_takes_long_over_any_text() -> None:
    """In a process of its own: one that does not come back can only be killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        setrlimit(RLIMIT_CPU, (30, 30))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            os.write(writer, "; ".join(slow()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        complaints = told.read().decode()
    _, status = os.waitpid(child, 0)
    assert (complaints, os.waitstatus_to_exitcode(status)) == ("", 0)
