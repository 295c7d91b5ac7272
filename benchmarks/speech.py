"""What the embedded recogniser hears: word error rate and speed, on the examples and on human speech if it is at hand.

The error rate is the edit distance of words over the number of words in the reference (a substitution, an insertion
and a deletion each count one), after case and punctuation are dropped and figures are spelt out. A word is wrong where
that alignment has no equal one in the reference; of all recordings together, `doubtful_words_precision` is the share of
wrong words among those that are marked as not heard clearly, beside the share among all, and `_recall` the share of the
wrong words that are marked.
"""

import asyncio
import os
import re
import time
from pathlib import Path

from udib.core.speech import Word
from udib.core.types import Media
from udib.transcripts.sphinx import SphinxTranscriber

ROOT = Path(__file__).parents[1]
Measured = list[tuple[str, float, str, str]]

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_HUMAN = {"austen": "austen-0*.wav", "jfk": "jfk.wav", "libri": "libri*.flac", "sonnets": "sonnet*.mp3"}


def measure() -> Measured:
    """All figures of the subject `speech`."""
    figures: Measured = []
    judged: list[tuple[bool, bool]] = []
    for name, folder, recording in (("debate", "rent-control", "debate"), ("held_out", "held-out", "talk")):
        path = ROOT / "examples" / folder / f"{recording}.opus"
        turns = re.findall(r"^[A-Z][\w ]*: (.*)", path.with_suffix(".txt").read_text(encoding="utf-8"), re.MULTILINE)
        figures += _figures(name, [(path, " ".join(turns))], "two flite voices", judged)
    data = os.environ.get("EVAL_DATA_DIR")
    if data is None:
        print("EVAL_DATA_DIR is not set: human speech was skipped")
        return figures + _doubtful(judged, "the two of flite voices")
    for name, pattern in _HUMAN.items():
        files = sorted((Path(data) / "speech").glob(pattern))
        pairs = [(file, _reference(file.with_suffix(".txt").read_text(encoding="utf-8"))) for file in files]
        figures += _figures(name, pairs, f"human speech, {len(files)} files", judged)
    return figures + _doubtful(judged, "all recordings")


def words(text: str) -> list[str]:
    """The words of a text, lower case, figures spelt out as they are spoken."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text.casefold().replace("\u2019", "'"))
    text = re.sub(r"(\d+)\.(\d+)", lambda m: f"{_spelt(int(m[1]))} point {' '.join(_ONES[int(d)] for d in m[2])}", text)
    text = re.sub(r"\b(1[1-9]\d\d|20[1-9]\d)\b", lambda m: _year(int(m[1])), text)
    text = re.sub(r"\d+", lambda m: _spelt(int(m[0])), text).replace("%", " percent")
    return re.findall(r"[a-z']+", text.replace("-", " "))


def alignment(heard: list[str], said: list[str]) -> tuple[int, list[bool]]:
    """Least insertions, deletions and substitutions that make one list the other, and which heard words are right."""
    rows = [list(range(len(heard) + 1))]
    for number, word in enumerate(said, start=1):
        row = [number]
        for at, other in enumerate(heard, start=1):
            row.append(min(rows[-1][at] + 1, row[at - 1] + 1, rows[-1][at - 1] + (word != other)))
        rows.append(row)
    right = [False] * len(heard)
    number, at = len(said), len(heard)
    while number and at:
        least = rows[number][at]
        equal = said[number - 1] == heard[at - 1]
        if least == rows[number - 1][at - 1] + (not equal):
            number, at = number - 1, at - 1
            right[at] = equal
        elif least == rows[number][at - 1] + 1:
            at -= 1
        else:
            number -= 1
    return rows[-1][-1], right


def _figures(name: str, pairs: list[tuple[Path, str]], against: str, judged: list[tuple[bool, bool]]) -> Measured:
    """The figures of some recordings; of each heard word, whether it is doubtful and whether it is right, is added."""
    wrong = total = 0
    seconds = spent = 0.0
    for path, reference in pairs:
        began = time.perf_counter()
        heard, length = asyncio.run(_heard(path))
        spent += time.perf_counter() - began
        seconds += length
        said = words(reference)
        parts = [(part, word.doubtful) for word in heard for part in words(word.text)]
        edited, right = alignment([part for part, _ in parts], said)
        judged += [(doubtful, is_right) for (_, doubtful), is_right in zip(parts, right, strict=True)]
        wrong += edited
        total += len(said)
    return [
        (f"{name}_wer_percent", 100 * wrong / total, "%", f"{against}, {total} words"),
        (f"{name}_times_real_time", seconds / spent, "x", f"{against}, start-up included, 2 processes"),
    ]


def _doubtful(judged: list[tuple[bool, bool]], against: str) -> Measured:
    marked = [right for doubtful, right in judged if doubtful]
    wrong = sum(not right for _, right in judged)
    caught = sum(not right for right in marked)
    every = f"{against}, {len(judged)} words, {wrong / len(judged):.2f} of all are wrong"
    return [
        ("doubtful_words_share", len(marked) / len(judged), "", every),
        ("doubtful_words_precision", caught / len(marked), "", every),
        ("doubtful_words_recall", caught / wrong, "", every),
    ]


async def _heard(path: Path) -> tuple[list[Word], float]:
    found, done_s = [], 0.0
    async for window in SphinxTranscriber(processes=2).windows(Media(path=str(path))):
        found += [word for segment in window.segments for word in segment.words]
        done_s = window.done_s
    return found, done_s


def _reference(text: str) -> str:
    """The words of a reference file: some give each line an id, as `f000001|From fairest creatures`."""
    return " ".join(line.rpartition("|")[2] for line in text.splitlines())


def _spelt(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            return f"{_spelt(number // size)} {name}" + (f" {_spelt(number % size)}" if number % size else "")
    raise AssertionError(number)


def _year(number: int) -> str:
    rest = number % 100
    return f"{_spelt(number // 100)} " + (_spelt(rest) if rest > 9 else f"oh {_spelt(rest)}" if rest else "hundred")
