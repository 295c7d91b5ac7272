"""Variants of an example debate and its answer key, so that no stage can score by knowing the example by heart.

Every variant is a pure function of an example and a seeded `random.Random`, and whatever it does to the turns it does
to the key, so each quote of the key stays verbatim in its turn. In a variant the world of the debate is invented: the
`truth` of a claim is to be judged against the `fact` beside it, which is changed in the same way.
"""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from make_examples import Cue, Turn, cues_of, fill_times, locate, read_transcript, sentences, vtt_of

__all__ = [
    "Example", "Turn", "load", "quotes", "renamed", "renumbered", "reordered", "resubjected", "to_vtt", "with_times",
]  # fmt: skip

Key = dict[str, Any]
Change = Callable[[str], str]

WORDS_A_SECOND = 150 / 60
PAUSE_S = 0.25
YEAR_SHIFTS = (-9, -8, -7, -6, -5, -4, -3, -2)
DRAWS = 1000
FIXED_FIELDS = frozenset({"kind", "role", "truth"})  # labels of the key, never text of the debate

NAMES = (
    "AMARA", "BRUNO", "CARLA", "DIEGO", "ELENA", "FELIX", "GRETA", "HUGO", "INGRID", "JONAS", "KEIKO", "LEON",
    "MIRIAM", "NOAH", "OLIVIA", "PAVEL", "QUINN", "ROSA", "SAMIR", "TESSA", "URSULA", "VICTOR", "WANDA", "YUSUF",
)  # fmt: skip

FIGURE = re.compile(
    r"(?:\b(?P<article>[Aa]n?) )?(?<![\w.,-])\$?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?=s?\b)(?!-?(?:st|nd|rd|th)\b)"
)
AN_FIGURE = re.compile(r"8|1[18](?:,|\b)")  # read "eight ...", "eleven ..." or "eighteen ..."
YEAR = re.compile(r"(?:1[89]|20)\d\d")

SUBJECTS: tuple[Mapping[str, str], ...] = (
    {
        "landlord": "broadcaster", "tenant": "viewer", "renter": "subscriber", "rent": "fee", "rental": "paid",
        "apartment": "channel", "owner": "producer", "housing": "programming", "lease": "contract",
        "eviction": "disconnection", "household": "club", "city": "region", "council": "assembly",
        "voter": "member", "board": "committee", "building": "recording", "build": "record",
        "bedroom": "episode", "permit": "license",
        "library": "archive", "country": "continent", "school": "college", "tax": "levy", "teacher": "singer",
        "nurse": "dancer",
        "worker": "artist", "company": "agency", "hospital": "theater",
    },
    {
        "landlord": "carrier", "tenant": "passenger", "renter": "commuter", "rent": "fare", "rental": "shared",
        "apartment": "seat", "owner": "operator", "housing": "transport", "lease": "pass", "eviction": "removal",
        "household": "crew", "city": "county", "council": "senate", "voter": "delegate",
        "board": "bureau", "building": "sailing", "permit": "waiver", "library": "harbor",
        "country": "province", "school": "academy", "tax": "toll", "teacher": "miner", "nurse": "welder",
        "worker": "sailor", "company": "firm", "hospital": "clinic",
    },
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A debate and its answer key."""

    title: str
    turns: tuple[Turn, ...]
    key: Key


def load(folder: Path) -> Example:
    """Read the one transcript and the key.json of a folder."""
    (transcript,) = folder.glob("*.txt")
    title, turns = read_transcript(transcript)
    return Example(title, turns, json.loads((folder / "key.json").read_text(encoding="utf-8")))


def renamed(example: Example, rng: random.Random) -> Example:
    """Give every speaker another name, also where one addresses the other."""
    speakers = list(dict.fromkeys(turn.speaker for turn in example.turns))
    free = [name for name in NAMES if not _mentions(example, name)]
    names: dict[str, str] = {}
    for old, new in zip(speakers, rng.sample(free, len(speakers)), strict=True):
        names |= {old: new, old.title(): new.title(), old.upper(): new.upper()}
    return _changed(example, lambda text: _words(names).sub(lambda found: names[found[0]], text))


def renumbered(example: Example, rng: random.Random) -> Example:
    """Replace every figure by another one of its kind; different figures stay different.

    Years all move by the same number of years, so that their order holds; figures below 100 stay below 100, so that
    percentages remain possible; a figure that is plainly not the one of its fact stays plainly another.
    """
    figures = list(dict.fromkeys(figure for text in _texts(example) for figure in _figures(text)))
    differing = _differing_pairs(example.key)
    for _ in range(DRAWS):
        others = _other_figures(figures, rng)
        if all(_apart(others[one], others[other]) for one, other in differing):
            return _changed(example, partial(_with_figures, others))
    raise ValueError("no other figures keep what is false false")


def reordered(example: Example, rng: random.Random) -> Example:
    """Put the topic blocks (the chapters) in another order; of four and more, the first and the last stay in place.

    The later half of a contradiction becomes the earlier one where the new order says so.
    """
    blocks = list(zip(_blocks(example), example.key["chapters"], strict=True))
    inner = slice(1, -1) if len(blocks) > 3 else slice(None)
    middle = blocks[inner]
    if len(middle) < 2:
        raise ValueError("fewer than two topic blocks can change places")
    while blocks[inner] == middle:
        blocks[inner] = rng.sample(middle, len(middle))
    turns = tuple(turn for block, _ in blocks for turn in block)
    key = deepcopy(example.key)
    key["chapters"] = [deepcopy(chapter) for _, chapter in blocks]
    moved = replace(example, turns=turns, key=key)
    cues = _cues(moved)
    for entry in key.get("contradictions", []):
        if _start(entry["later"], entry["speaker"], cues) < _start(entry["earlier"], entry["speaker"], cues):
            entry["earlier"], entry["later"] = entry["later"], entry["earlier"]
    return moved


def resubjected(example: Example, rng: random.Random, subjects: Mapping[str, str] | None = None) -> Example:
    """Swap the words of the subject for those of another one, with their plurals, capitals and articles.

    Args:
        example: the debate.
        rng: chooses one of SUBJECTS.
        subjects: the words to swap instead, old to new, in the singular.

    Raises:
        ValueError: if the debate has none of these words.
    """
    swaps = _inflected(subjects if subjects is not None else rng.choice(SUBJECTS))
    pattern = re.compile(rf"\b(?:(?P<article>[Aa]n?) )?(?P<word>{_alternatives(swaps)})\b")
    other = _changed(example, lambda text: pattern.sub(lambda found: _swap_word(found, swaps), text))
    if other.turns == example.turns:
        raise ValueError("none of the subject words occurs in this debate")
    return other


def to_vtt(example: Example) -> str:
    """Write the debate as WebVTT with the times of a speaker who says 150 words a minute."""
    return vtt_of(_cues(example))


def with_times(example: Example) -> Example:
    """Refill the times of the key from the captions that `to_vtt` gives."""
    key = deepcopy(example.key)
    missing = fill_times(key, _cues(example))
    if missing:
        raise ValueError(f"not said in the debate: {missing}")
    return replace(example, key=key)


def quotes(node: object, speaker: str | None = None) -> Iterator[tuple[str, str | None]]:
    """Yield every quote of a key with the speaker it is ascribed to."""
    if isinstance(node, list):
        for entry in node:
            yield from quotes(entry, speaker)
    elif isinstance(node, dict):
        speaker = node.get("speaker", speaker)
        if "quote" in node:
            yield node["quote"], speaker
        for entry in node.values():
            yield from quotes(entry, speaker)


def _cues(example: Example) -> list[Cue]:
    cues: list[Cue] = []
    now_s = 0.0
    for number, turn in enumerate(example.turns):
        for sentence in sentences(turn.text):
            end_s = now_s + len(sentence.split()) / WORDS_A_SECOND
            cues += cues_of(number, turn.speaker, sentence, now_s, end_s)
            now_s = end_s + PAUSE_S
    return cues


def _start(half: Mapping[str, Any], speaker: str, cues: list[Cue]) -> float:
    span = locate(half["quote"], speaker, cues)
    if span is None:
        raise ValueError(f"not said in the debate: {half['quote']}")
    return span[0]


def _blocks(example: Example) -> list[tuple[Turn, ...]]:
    """Cut the turns where the chapters begin; what comes before the first chapter belongs to it."""
    starts = []
    for chapter in example.key["chapters"]:
        if "quote" not in chapter:
            raise ValueError(f"the chapter {chapter['title']!r} needs a `quote`: the sentence it begins with")
        starts.append(next(at for at, turn in enumerate(example.turns) if chapter["quote"] in turn.text))
    if starts != sorted(set(starts)):
        raise ValueError("each chapter must begin in a turn of its own, in the order of the debate")
    edges = [0, *starts[1:], len(example.turns)]
    return [example.turns[start:end] for start, end in pairwise(edges)]


def _changed(example: Example, change: Change) -> Example:
    turns = tuple(Turn(change(turn.speaker), change(turn.text)) for turn in example.turns)
    return Example(change(example.title), turns, _changed_key(example.key, change))


def _changed_key(node: Any, change: Change) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, list):
        return [_changed_key(entry, change) for entry in node]
    if isinstance(node, dict):
        return {field: entry if field in FIXED_FIELDS else _changed_key(entry, change) for field, entry in node.items()}
    return node


def _texts(example: Example) -> Iterator[str]:
    yield example.title
    yield from (turn.text for turn in example.turns)
    yield from _strings(example.key)


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for entry in node:
            yield from _strings(entry)
    elif isinstance(node, dict):
        for entry in node.values():
            yield from _strings(entry)


def _mentions(example: Example, name: str) -> bool:
    word = re.compile(rf"\b{name}\b", re.IGNORECASE)
    return any(word.search(text) for text in [*_texts(example), *(turn.speaker for turn in example.turns)])


def _alternatives(words: Mapping[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _words(words: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_alternatives(words)})\b")


def _with_figures(others: Mapping[str, str], text: str) -> str:
    return FIGURE.sub(lambda found: _swap_digits(found, others), text)


def _swap_digits(found: re.Match[str], others: Mapping[str, str]) -> str:
    other = others[found["digits"]]
    text = found[0].replace(found["digits"], other)
    if found["article"] is None or "$" in text:
        return text
    return found["article"][0] + ("n" if AN_FIGURE.match(other) else "") + text[len(found["article"]) :]


def _differing_pairs(key: Key) -> list[tuple[str, str]]:
    """Return the figures that must not come near each other: of a false claim and its fact, of a contradiction."""
    texts = [(claim["quote"], claim["fact"]) for claim in key.get("claims", []) if claim["truth"] == "false"]
    texts += [(entry["earlier"]["quote"], entry["later"]["quote"]) for entry in key.get("contradictions", [])]
    return [
        (one, other)
        for left, right in texts
        for one in _figures(left)
        for other in _figures(right)
        if not YEAR.fullmatch(one) and not YEAR.fullmatch(other) and _apart(one, other)
    ]


def _figures(text: str) -> list[str]:
    return [found["digits"] for found in FIGURE.finditer(text)]


def _apart(one: str, other: str) -> bool:
    low, high = sorted(float(figure.replace(",", "")) for figure in (one, other))
    return high >= 1.2 * low


def _other_figures(figures: list[str], rng: random.Random) -> dict[str, str]:
    shift = rng.choice(YEAR_SHIFTS)
    others: dict[str, str] = {}
    for figure in figures:
        if YEAR.fullmatch(figure):
            others[figure] = str(int(figure) + shift)
        else:
            others[figure] = _other_figure(figure, {figure, *others.values()}, rng)
    return others


def _other_figure(figure: str, taken: set[str], rng: random.Random) -> str:
    """Return a figure of the same size and the same number of decimals and trailing zeros."""
    whole, _, decimals = figure.replace(",", "").partition(".")
    zeros = 0 if decimals else min(len(whole) - 1, len(whole) - len(whole.rstrip("0")))
    if len(whole) < 3:
        zeros = 0
    value = int(whole + decimals) // 10**zeros
    top = max(value + 8, value * 8 // 5)
    if not decimals and len(whole) < 3:
        top = min(top, 99)
    if decimals and len(whole) < 3:
        top = min(top, 100 * 10 ** len(decimals) - 1)
    choices = [
        text
        for number in range(max(1, value * 3 // 5), top + 1)
        if (text := _written(number * 10**zeros, len(decimals), grouped="," in figure)) not in taken
        and not YEAR.fullmatch(text)
    ]
    if not choices:
        raise ValueError(f"no other figure is left for {figure}")
    return rng.choice(choices)


def _written(number: int, decimals: int, *, grouped: bool) -> str:
    whole, fraction = divmod(number, 10**decimals)
    text = f"{whole:,}" if grouped else str(whole)
    return f"{text}.{fraction:0{decimals}}" if decimals else text


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def _inflected(subjects: Mapping[str, str]) -> dict[str, str]:
    """Add the plurals and the capitalised forms; a plural that is listed by itself wins."""
    both = {_plural(old): _plural(new) for old, new in subjects.items()} | dict(subjects)
    return both | {old[0].upper() + old[1:]: new[0].upper() + new[1:] for old, new in both.items()}


def _swap_word(found: re.Match[str], swaps: Mapping[str, str]) -> str:
    word = swaps[found["word"]]
    if found["article"] is None:
        return word
    article = found["article"][0] + ("n" if word[0] in "aeiouAEIOU" else "")
    return f"{article} {word}"
