"""Who says what: speaker marks read, sound descriptions dropped, and what is left as pieces of speech."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from udib.core.speech import Segment, Word, stretches
from udib.transcripts.cues import Cue, Line

_INVISIBLE = re.compile(
    # U+200C and U+200D join letters of several scripts and parts of emoji; between ASCII letters they only hide.
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00]|(?<=[0-9A-Za-z])[\u200c\u200d]+(?=[0-9A-Za-z])"
)
_MASKED = re.compile(r"\[\s*(?:_+|\*+)\s*\]")  # YouTube's bleep stands for a word that was said
_LABEL = re.compile(r"^[ \t]*[\[(]([^\[\]()\n:]{1,40})(?::[\])]|[\])]:)", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*[\[(](speaker[ _]?\d{1,3})[\])](?!:)", re.MULTILINE | re.IGNORECASE)
_SQUARE = re.compile(r"\[[^\[\]]{0,120}\]")
_ROUND = re.compile(r"\(([^()]{1,80})\)")
_NOTES = re.compile("[\u2669-\u266c]")
_SOUND = re.compile(
    r"\b(?:applau(?:se|ds?|ding)|bangs?|beep(?:s|ing)?|bell|boo(?:s|ing)?|buzz(?:es|ing)?|cheer(?:s|ing)?|"
    r"chuckl(?:es?|ing)|clap(?:s|ping)?|clear(?:s|ing) (?:\w+ )?throat|cough(?:s|ing)?|cross-?talk|cry(?:ing)?|"
    r"door (?:opens|closes|slams)|exhal(?:es?|ing)|foreign language|gasps?|giggl(?:es?|ing)|groan(?:s|ing)?|"
    r"inaudible|indistinct|inhal(?:es?|ing)|instrumental|jingle|laugh(?:s|ter|ing)?|long pause|music(?:al)?|"
    r"mutter(?:s|ing)?|no audio|overlapping|pause|ringing|scoffs?|screams?|sigh(?:s|ing)?|silence|sings?|singing|"
    r"snorts?|sobs|sobbing|speaking \w+|static|unintelligible|whispers?|whispering|whistl(?:es?|ing))\b",
    re.IGNORECASE,
)
_MOST_SOUND_WORDS = 5
_CHANGE = re.compile(r" ?>{2,} ?")
_DASH = re.compile(r"^[-\u2010-\u2015]+(?:\s+|(?=[^\W\d]))")
_ENDS = (".", "?", "!", "\u2026")
_ANSWER_DASH = re.compile(r"(?<=[.?!\u2026]) (?=[-\u2010-\u2015]+ ?[^\W\d_a-z])")
_ANSWER_NAME = re.compile(r"(?<=[.?!\u2026]) (?=[A-Z][A-Z.' -]{0,30}:\s)")
_PREFIX = re.compile(r"^([^\W\d_][^:\n]{0,40}?)\s*:(?=\s|$|[^\W\d_])\s*")
_NAME_WORD = re.compile(r"[^\W\d_][\w'\u2019.\-]*|\d{1,3}")
_REMARK = re.compile(r"(?<!\s)\s*\([^()]*\)$")
_PARTICLES = frozenset(re.findall(r"\S+", "al and bin da de del der di du el la le of the van von"))
_LONGEST_NAME = 5
# Words that open a sentence with a colon in speech and prose; never a speaker.
_NOT_NAMES = frozenset(
    re.findall(
        r"\S+",
        """
        a actually again also and answer anyway article as aside background basically because but caption captions
        caution chapter claim conclusion consider correction credits date definition disclaimer edit editor eg e.g ergo
        evidence example examples fact facts figure finally first firstly for fourth goal here hint how however http
        https i.e idea ie imagine important in indeed instead it language last lastly lesson listen look meaning
        moreover nb next no note notes now number objection okay one or overview page part point problem proof ps quick
        quote re reason recorded remember reminder result right rule second secondly section see similarly since so
        solution source sources step subject subtitles summary table that then therefore thesis third thirdly this three
        thus time tip title to topic transcript transcription translation transcribed true two update url video warning
        well what when where which why yes yet
        """,
    )
)
_SHARE_OF_NAMED = 0.2
_LONGEST_PIECE = 2000  # characters
_LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one speaker from one cue; `cue` is the cue's number."""

    text: str
    speaker: str | None
    words: tuple[Word, ...]
    cue: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A line, or what follows a mark in it.

    `opens` marks a change of speaker; `speaker` is the one that the format gives; `words` are those of the whole run of
    lines, taken from in order.
    """

    cue: int
    text: str
    opens: bool
    speaker: str | None
    words: Iterator[Word]


def pieces(cues: Sequence[Cue]) -> list[Piece]:
    """The speech in some cues.

    A speaker is the one that the format gives; else the name before a colon at the start of a line, until the next
    mark; after `>>` or one of several dashes without a name, nobody known.
    """
    parts = [part for number, cue in enumerate(cues) for part in _parts(number, cue)]
    turns = groupby(_resolved(parts), key=lambda found: found[0])
    return [piece for _, turn in turns for piece in _joined([part for _, part in turn])]


def _resolved(parts: Sequence[_Part]) -> Iterator[tuple[tuple[int, int], _Part]]:
    """Each part with its speaker and without the name that said so, after (number of the cue, number of the turn)."""
    names = _names(parts)
    lasting: str | None = None
    latest: str | None = None
    turn = 0
    for part in parts:
        name, text = (None, part.text) if part.speaker else _named(part.text, names)
        speaker = part.speaker or name or (None if part.opens else lasting)
        turn += part.opens or name is not None or speaker != latest
        yield (part.cue, turn), replace(part, text=text, speaker=speaker)
        # A speaker that the format gives holds for its own lines only.
        lasting = None if part.speaker else speaker
        latest = speaker


def segments(cues: Sequence[Cue]) -> list[Segment]:
    """The speech in cues that all have times, in order of time; a cue's time is divided among its pieces."""
    made: list[Segment] = []
    by_cue: dict[int, list[Piece]] = {}
    for piece in pieces(cues):
        by_cue.setdefault(piece.cue, []).append(piece)
    for number, group in by_cue.items():
        made.extend(_timed(_short(group), cues[number].start_s or 0.0, cues[number].end_s or 0.0))
    return sorted(made, key=lambda segment: segment.start_s)


def _short(group: Sequence[Piece]) -> list[Piece]:
    """The pieces, cut where one is longer than any cue that a person could read."""
    short: list[Piece] = []
    for piece in group:
        if len(piece.text) <= _LONGEST_PIECE:
            short.append(piece)
            continue
        parts = list(stretches(piece.text, words=_LONGEST_PIECE, characters=_LONGEST_PIECE))
        # A word that had to be cut has no times of its parts.
        words = piece.words if sum(count for _, _, count in parts) == len(piece.words) else ()
        taken = iter(words)
        short += [
            replace(piece, text=piece.text[start:end], words=tuple(islice(taken, count))) for start, end, count in parts
        ]
    return short


def _timed(group: Sequence[Piece], start_s: float, end_s: float) -> Iterator[Segment]:
    per_character = (end_s - start_s) / max(sum(len(piece.text) for piece in group), 1)
    at = start_s
    for piece in group:
        words = tuple(_within(word, start_s, end_s) for word in piece.words)
        begin, at = at, at + len(piece.text) * per_character
        if words and len(group) > 1:
            begin, at = words[0].start_s, words[-1].end_s
        yield Segment(round(begin, 3), round(at, 3), piece.text, piece.speaker, words)


def _within(word: Word, start_s: float, end_s: float) -> Word:
    begin = min(max(word.start_s, start_s), end_s)
    return replace(word, start_s=round(begin, 3), end_s=round(min(max(word.end_s, begin), end_s), 3))


def _parts(number: int, cue: Cue) -> Iterator[_Part]:
    for run in _runs(cue.lines):
        words = iter(run.words)
        lines = [part for line in _speech(run.text).split("\n") for part in _turns_in(" ".join(line.split()))]
        dashes = sum(_DASH.match(line) is not None for line in lines)
        before = ""
        for line in lines:
            for place, text in enumerate(_CHANGE.split(line)):
                bare = _DASH.sub("", text)
                answers = dashes > 1 or (before.endswith(_ENDS) and not bare[:1].islower())
                opens = place > 0 or (answers and bare != text)
                if bare or opens:
                    yield _Part(number, bare, opens and run.speaker is None, run.speaker, words)
            before = line


def _turns_in(line: str) -> list[str]:
    """A line, cut where another speaker answers in it: "- Hello. - Hi." and "ANNA: Hello. BEN: Hi."."""
    if _DASH.match(line):
        return _ANSWER_DASH.split(line)
    return _ANSWER_NAME.split(line) if _PREFIX.match(line) else [line]


def _runs(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with one speaker each put together, so that a description may reach over a line end."""
    held: list[Line] = []
    for line in lines:
        if held and line.speaker != held[0].speaker:
            yield _run(held)
            held = []
        held.append(line)
    if held:
        yield _run(held)


def _run(lines: Sequence[Line]) -> Line:
    words = tuple(word for line in lines for word in line.words)
    # Word times of some lines only would leave the others without any.
    complete = all(line.words for line in lines if line.text.strip())
    return Line("\n".join(line.text for line in lines), lines[0].speaker, words if complete else ())


def _speech(text: str) -> str:
    """The text without descriptions of sounds and without musical notes; labels in brackets become `NAME:`."""
    text = _INVISIBLE.sub("", text)
    if "[" in text or "(" in text:
        text = _MASKED.sub("__", text)
        text = _NUMBERED.sub(r"\1: ", _LABEL.sub(r"\1: ", text))
        text = _SQUARE.sub(" ", text)
        text = _ROUND.sub(_without_sound, text)
    return _NOTES.sub(" ", text)


def _without_sound(match: re.Match[str]) -> str:
    inside = match.group(1)
    sound = _SOUND.search(inside) is not None and len(inside.split()) <= _MOST_SOUND_WORDS
    return " " if sound else match.group()


def _names(parts: Iterable[_Part]) -> dict[str, str]:
    """The speakers that are named before a colon: case-folded name -> its first spelling."""
    counts: Counter[str] = Counter()
    spelt: dict[str, str] = {}
    total = 0
    for part in parts:
        total += 1
        name = None if part.speaker else speaker_name(part.text)
        if name:
            # After a mark for a new speaker one sighting is as good as two.
            counts[name.casefold()] += 2 if part.opens else 1
            spelt.setdefault(name.casefold(), name)
    several = len(counts) > 1
    usual = sum(counts.values()) >= _SHARE_OF_NAMED * total
    return {
        key: name
        for key, name in spelt.items()
        if counts[key] > 1 or (several and (usual or (name.isupper() and len(name) > 1)))
    }


def speaker_name(text: str) -> str | None:
    """What stands before a colon at the start of a line, if it can be a name: 1 to 3 capitalised words or capitals."""
    match = _PREFIX.match(text)
    if match is None:
        return None
    words = _REMARK.sub("", match.group(1)).split()
    if not 0 < len(words) <= _LONGEST_NAME or words[0].casefold().rstrip(".") in _NOT_NAMES:
        return None
    if not all(_NAME_WORD.fullmatch(word) for word in words):
        return None
    capitals = [word for word in words if word not in _PARTICLES and not word.isdigit()]
    if not 1 <= len(capitals) <= 3 or not all(word[0].isupper() for word in capitals) or words[0] in _PARTICLES:
        return None
    return " ".join(words)


def _named(text: str, names: dict[str, str]) -> tuple[str | None, str]:
    """The speaker named at the start of a line, and the rest of it."""
    name = speaker_name(text) if names else None
    if name is None or name.casefold() not in names:
        return None, text
    return names[name.casefold()], _PREFIX.sub("", text, count=1)


def _joined(parts: Sequence[_Part]) -> Iterator[Piece]:
    """One piece of the parts of one speaker in one cue; none if they hold no word."""
    text = " ".join(" ".join(part.text for part in parts).split())
    if any(char.isalnum() for char in text) or "__" in text:
        yield Piece(text, _label(parts[0].speaker), _matching(text, parts[0].words), parts[0].cue)


def _label(speaker: str | None) -> str | None:
    """A speaker without what nobody sees, which would make two of one, and cut where no name is that long."""
    seen = " ".join(_INVISIBLE.sub("", speaker or "").split())
    if not any(char.isprintable() for char in seen):
        return None
    if len(seen) <= _LONGEST_LABEL:
        return seen
    return f"{seen[: _LONGEST_LABEL - 1]}\u2026"


def _matching(text: str, words: Iterator[Word]) -> tuple[Word, ...]:
    """The next timed words that make up the text, spelt as it has them; none unless all of it is covered."""
    found: list[Word] = []
    for token in text.split():
        word = next((word for word in words if word.text == token or word.text.endswith(token)), None)
        if word is None:
            return ()
        found.append(replace(word, text=token))
    return tuple(found)
