"""Whether two questions can mean the same at all, by what no measure of meaning may overrule."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[%$\u20ac\u00a3]")
_NUMBERS: Final = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20",
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1e6", "billion": "1e9",
    "trillion": "1e12", "half": "0.5", "double": "x2", "twice": "x2", "triple": "x3", "dozen": "12",
    "once": "x1", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th",
}  # fmt: skip
_VERBS: Final = (
    "ai", "are", "ca", "could", "did", "do", "does", "had", "has", "have", "is", "might", "must", "need", "sha",
    "should", "was", "were", "wo", "would",
)  # fmt: skip
_NOT: Final = frozenset({"not", "cannot", *(f"{verb}nt" for verb in _VERBS)})
"""What means not, with its apostrophe taken away, as people write it."""
_NEGATIONS: Final = frozenset({
    "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "without", "lack", "lacks",
    "lacked", "fail", "fails", "failed", "refuse", "refuses", "refused", "deny", "denies", "denied", "unlike",
    "except", "barely", "hardly", "rarely", "seldom",
})  # fmt: skip
_OPPOSED: Final = frozenset({
    "more", "less", "most", "least", "higher", "lower", "highest", "lowest", "above", "below", "over", "under",
    "before", "after", "first", "last", "earlier", "later", "increase", "increases", "increased", "decrease",
    "decreases", "decreased", "rise", "rises", "rose", "fall", "falls", "fell", "up", "down", "gain", "loss",
    "win", "won", "lose", "lost", "for", "against", "support", "supports", "supported", "oppose", "opposes",
    "opposed", "agree", "agrees", "agreed", "disagree", "disagrees", "disagreed", "true", "false", "right",
    "wrong", "good", "bad", "best", "worst", "all", "any", "some", "only", "always", "both", "either", "may",
    "must", "can", "should", "could", "would", "will", "who", "whom", "whose", "when", "where", "why", "how",
    "which", "max", "min", "maximum", "minimum", "old", "new", "left", "men", "women", "he", "she", "they",
    "his", "her", "their",
})  # fmt: skip
"""Words of which one stands for the opposite, or the other kind, of another: none may come or go."""
_FILLERS: Final = frozenset({
    "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "has",
    "have", "had", "to", "of", "in", "on", "at", "by", "from", "with", "about", "as", "that", "this", "these",
    "those", "it", "its", "there", "please", "tell", "me", "us", "you", "your", "i", "we", "what", "say",
    "says", "said", "just", "so", "then", "and",
})  # fmt: skip
_EXCHANGED: Final = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What of a question is compared. Its names and words are kept as digests only.

    Attributes:
        numbers: Every number, in order, in digits.
        turns: Negations and words with an opposite, in order.
        names: What is written like a name, in order.
        words: All other words but the fillers, in order.
    """

    numbers: tuple[str, ...]
    turns: tuple[str, ...]
    names: tuple[bytes, ...]
    words: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str) -> "Question":
        """Take a question apart."""
        numbers: list[str] = []
        turns: list[str] = []
        names: list[bytes] = []
        words: list[bytes] = []
        for match in _WORD.finditer(text):
            word = match.group().replace("\u2019", "'")
            plain = word.lower()
            if not word[0].isalpha():
                numbers.append(word.replace(",", ""))
            elif plain in _NUMBERS:
                numbers.append(_NUMBERS[plain])
            elif plain.replace("'", "") in _NOT:
                turns.append("not")
            elif plain in _NEGATIONS or plain in _OPPOSED:
                turns.append(plain)
            elif plain not in _FILLERS:
                # The first word is written large whatever it is, so it counts as a word.
                named = word != plain and not _opens(text, match.start())
                (names if named else words).append(_digest(plain.removesuffix("'s")))
        return cls(tuple(numbers), tuple(turns), tuple(names), tuple(words))


def may_share(one: Question, other: Question) -> bool:
    """Whether one answer might serve both questions.

    They must have the same numbers, negations and names in the same order. And they must not be of one template, with a
    word or two exchanged or added: to a measure of meaning these are nearer to each other than questions of one meaning
    in other words are. Symmetric, and true of a question and itself.
    """
    if (one.numbers, one.turns, one.names) != (other.numbers, other.turns, other.names):
        return False
    mine, its = Counter(one.words), Counter(other.words)
    if mine == its:
        return True
    if mine <= its or its <= mine:
        return False
    return len(one.words) != len(other.words) or _exchanged(one.words, other.words) > _EXCHANGED


def _exchanged(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def _opens(text: str, start: int) -> bool:
    """Whether a word is the first of a sentence."""
    before = text[max(0, start - 8) : start].rstrip(" \t\"'\u201c(")
    return not before or before[-1] in ".!?\n:"


def _digest(word: str) -> bytes:
    return hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
