"""Edits of what was said: those that say something else, and those that only tidy up. Pure, seeded."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

Edit = Callable[[str, random.Random], str | None]
"""A text and a source of choices -> the edited text; None where there is nothing of the kind to edit."""

_DIGITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_TENS: Final = {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SPELT: Final = {word: at for at, word in enumerate(_DIGITS)} | _TENS
_WORDS: Final = "|".join(sorted((*_DIGITS[2:], *_TENS), key=len, reverse=True))
_ONES: Final = "|".join(_DIGITS[1:10])
_NOT_BEHIND: Final = "".join(
    rf"(?<!\b{word}[ -])(?<!\b{word} - )"
    for word in (*_DIGITS, *_TENS, "and", "hundred", "thousand", "million", "point")
)
_NUMBER: Final = re.compile(
    rf"(?<![\w.,'$€£]){_NOT_BEHIND}(?:\d{{1,4}}|(?:twenty|{'|'.join(_TENS)})[ -](?:{_ONES})|{_WORDS})"
    rf"(?![\w.,'-]|\s?%|\s?-|\s(?:{_WORDS}|{_ONES}|hundred|thousand|million|billion|dozen|point|and a half)\b)",
    re.IGNORECASE,
)
"""A number by itself: what is next to another number, or a part of one, cannot be written in another way alone."""
_AUXILIARY: Final = re.compile(
    r"\b(is|are|was|were|do|does|did|has|have|had|will|would|could|should)(?! ?n't\b| not\b|n't\b|')\b", re.IGNORECASE
)
_NEGATED: Final = re.compile(
    r"\b(is|are|was|were|do|does|did|has|have|had|would|could|should)(?:n't\b| not\b)|\b(?:never|not) ", re.IGNORECASE
)
_QUANTIFIERS: Final = (
    "all", "most", "many", "some", "few", "none", "every", "always", "sometimes", "never", "often", "only",
)  # fmt: skip
_QUANTIFIER: Final = re.compile(rf"\b({'|'.join(_QUANTIFIERS)})\b", re.IGNORECASE)
_UNITS: Final = (
    "percent", "seconds", "minutes", "hours", "days", "weeks", "months", "years", "dollars", "euros", "pounds", "miles",
    "meters", "kilometers", "thousand", "million", "billion", "megabytes", "gigabytes", "hertz", "people",
)  # fmt: skip
_UNIT: Final = re.compile(rf"\b({'|'.join(_UNITS)})\b", re.IGNORECASE)
_NAME: Final = re.compile(r"(?<=[a-z,] )(?!I\b|OK\b|Okay\b|Um\b|Uh\b|Mm\b|Hmm\b|Yeah\b|Oh\b)[A-Z][a-z]{2,}\b")
_FILLER: Final = re.compile(r"(?:,\s*)?\b(?:um|uh|er|erm|mm|hmm|uhm|you know|i mean)\b(?:\s?,)?", re.IGNORECASE)
_CONTRACTIONS: Final = (
    ("do n't", "do not"), ("don't", "do not"), ("doesn't", "does not"), ("didn't", "did not"), ("isn't", "is not"),
    ("aren't", "are not"), ("wasn't", "was not"), ("weren't", "were not"), ("can't", "cannot"), ("won't", "will not"),
    ("wouldn't", "would not"), ("couldn't", "could not"), ("shouldn't", "should not"), ("haven't", "have not"),
    ("i'm", "i am"), ("we're", "we are"), ("they're", "they are"), ("you're", "you are"), ("it's", "it is"),
    ("that's", "that is"), ("there's", "there is"), ("i've", "i have"), ("we've", "we have"), ("i'll", "i will"),
    ("we'll", "we will"), ("gonna", "going to"), ("wanna", "want to"),
)  # fmt: skip
_PAIRS: Final = dict(_CONTRACTIONS) | {
    long: short for short, long in _CONTRACTIONS if short not in {"do n't", "gonna", "wanna"}
}
_CONTRACTION: Final = re.compile(
    rf"\b(?:{'|'.join(re.escape(one) for one in sorted(_PAIRS, key=len, reverse=True))})\b(?!'| (?:been|got)\b)",
    re.IGNORECASE,
)


def _replaced(pattern: re.Pattern[str], text: str, rng: random.Random, other: Callable[[str], str]) -> str | None:
    places = list(pattern.finditer(text))
    if not places:
        return None
    place = rng.choice(places)
    return text[: place.start()] + other(place.group()) + text[place.end() :]


def negation(text: str, rng: random.Random) -> str | None:
    """A negation put in, or taken out."""
    if _NEGATED.search(text) and rng.random() < 0.7:
        return _replaced(
            _NEGATED, text, rng, lambda said: re.sub(r"n't$| not$|^(?:never|not) ", "", said, flags=re.IGNORECASE)
        )
    form = rng.choice(("{} not", "{}n't", "{} never"))
    return _replaced(_AUXILIARY, text, rng, lambda said: form.format(said).replace("willn't", "won't"))


def number(text: str, rng: random.Random) -> str | None:
    """A figure, in digits or in words, made another one."""
    return _replaced(_NUMBER, text, rng, lambda said: _other_number(said, rng))


def name(text: str, rng: random.Random, names: Sequence[str]) -> str | None:
    """A name inside the sentence made another one."""
    return _replaced(_NAME, text, rng, lambda said: rng.choice([other for other in names if other != said]))


def quantifier(text: str, rng: random.Random) -> str | None:
    """All, most, some, few, never ... made another one of them."""
    return _replaced(
        _QUANTIFIER, text, rng, lambda said: rng.choice([one for one in _QUANTIFIERS if one != said.lower()])
    )


def unit(text: str, rng: random.Random) -> str | None:
    """A unit made another one."""
    return _replaced(_UNIT, text, rng, lambda said: rng.choice([one for one in _UNITS if one != said.lower()]))


def fillers(text: str, _: random.Random) -> str | None:
    """Every um, uh, you know and I mean left out."""
    return " ".join(_FILLER.sub(" ", text).split()) if _FILLER.search(text) else None


def case(text: str, rng: random.Random) -> str | None:
    """All capitals, none, or each word with one."""
    return rng.choice((str.upper, str.lower, str.title))(text.replace("'", "\u2019"))


def punctuation(text: str, rng: random.Random) -> str | None:
    """All commas and points left out, or other ones put in."""
    bare = " ".join(re.sub(r"(?<!\d)[.,](?!\d)|[;:!?\"()]|[.,](?=\s|$)", " ", text).split())
    if rng.random() < 0.5:
        return bare
    words = bare.split()
    at = rng.randrange(1, len(words))
    return f"\u201c{' '.join(words[:at])} \u2014 {' '.join(words[at:])}\u2026\u201d"


def contractions(text: str, rng: random.Random) -> str | None:
    """A contraction written out, or two words contracted."""
    return _replaced(_CONTRACTION, text, rng, lambda said: _PAIRS[said.lower()])


def figures(text: str, rng: random.Random) -> str | None:
    """A number word as a figure, or a figure as a word."""
    return _replaced(_NUMBER, text, rng, _in_the_other_form)


def _in_the_other_form(said: str) -> str:
    words = re.split("[ -]", said.lower())
    if words[0] in _SPELT:
        return str(sum(_SPELT[word] for word in words))
    value = int(said)
    known = {number: word for word, number in _SPELT.items()}
    if value in known:
        return known[value]
    tens, ones = value // 10 * 10, value % 10
    return f"{known[tens]}-{known[ones]}" if 20 < value < 100 else said


def _other_number(said: str, rng: random.Random) -> str:
    value = int(said) if said.isdigit() else sum(_SPELT[word] for word in re.split("[ -]", said.lower()))
    other = rng.choice(
        [one for one in (value + 1, value + 3, value * 2, value * 10, max(value - 2, 0), 7, 45) if one != value]
    )
    return str(other)


def names_of(texts: Sequence[str]) -> list[str]:
    """The words with a capital inside sentences, in order."""
    return sorted({match.group() for text in texts for match in _NAME.finditer(text)})


def edited(texts: Sequence[str], edit: Edit, count: int, seed: str) -> Iterator[tuple[int, str]]:
    """(number of the text, its edited form), `count` of them; texts come again until there are enough.

    A text in which there is nothing to edit, or whose edit changes no letter, gives none.
    """
    rng = random.Random(seed)
    order = list(range(len(texts)))
    made = 0
    for _ in range(40):
        rng.shuffle(order)
        for at in order:
            changed = edit(texts[at], rng)
            if changed is not None and changed != texts[at]:
                yield at, changed
                made += 1
                if made == count:
                    return
