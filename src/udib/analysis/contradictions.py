"""Statements that differ: another number for the same thing, or the opposite. Better none than a wrong one."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

from udib.analysis.polarity import BETWEEN_CLAUSES, EVENTS, SOME, may_deny, opposed
from udib.analysis.stated import RELATIVE_TIMES, Statement
from udib.analysis.text import Figure, Kind, Token, content_stems, is_content, is_negation, stem, word_set

Similarity = Callable[[str, str], float]

NUMBER: Final = "number"
POLARITY: Final = "polarity"

_NEAREST_POLARITY: Final = 0.72
NEAREST_NUMBER: Final = 0.45
"""Cosine from which two statements are on one thing, on top of the words they share."""

_NEAR_WORDS: Final = 0.55
_NEAR_NOUNS: Final = 0.3
"""Cosine from which two words mean about the same, and from which two counted nouns may be called the same thing."""
_EVIDENCE: Final = 4
_LEAST_SHARE: Final = 0.4

_COMMON: Final = 40
"""A word in more sentences than this does not say what a sentence is about, and would make the search quadratic."""
_FEWEST_SHARED: Final = 2
_LONGEST_ADMISSION: Final = 35
_LONGEST_SUBJECT: Final = 4
_RARE: Final = 8
"""A thing of which somebody speaks in more sentences than this may have been dealt with in many ways."""
_PARTNERS: Final = 60

_ROUNDING: Final = 0.1
"""Two figures that differ by less, as a share of the larger, may be one figure rounded."""

_PERIODS: Final = {
    stem(word): period
    for period, listed in {
        "year": "year yearly annual annually", "month": "month monthly", "week": "week weekly",
        "day": "day daily", "hour": "hour hourly",
    }.items()
    for word in listed.split()
}  # fmt: skip
_MEASURES: Final = {
    stem(word): measure
    for measure, listed in {
        "spent": "cost spend spent pay paid put putting price budget bill fund invest charge",
        "up": "rise rose risen increase grow grew grown gain add raise double jump climb up",
        "down": "fall fell fallen drop cut decrease reduce lose lost decline shrank down save",
    }.items()
    for word in listed.split()
}  # fmt: skip
_SAME: Final = {stem(word): stem("average") for word in ("typical", "ordinary", "usual", "normal")}
_UNIT_STEMS: Final = frozenset({"dollar", "euro", "pound", "percent", "per", "cent", *_PERIODS})

_SUBJECT_WITHIN: Final = 3
_NO_SUBJECT: Final = word_set("i we you he she it they that this there these those my our your his her its their")


@dataclass(frozen=True, slots=True)
class Difference:
    """Two statements that may not both hold. `shared` are the stems of both, `kind` is NUMBER or POLARITY."""

    earlier: Statement
    later: Statement
    kind: str
    shared: tuple[str, ...]
    plain: bool = False

    def holds(self, similarity: float) -> bool:
        """Whether the cosine of both says that they are on one thing; `plain` ones say so by their words."""
        return self.plain or similarity >= (NEAREST_NUMBER if self.kind == NUMBER else _NEAREST_POLARITY)

    @property
    def over_time(self) -> bool:
        """Whether it is one too where the statements were made at different times: "last year" is another year then.

        What rises may fall later, and what is banned be allowed, unless both name the year.
        """
        both = self.earlier.times | self.later.times
        named = any(time[0].isdigit() for time in both)
        undone = opposed(self.earlier.words, self.later.words) in EVENTS
        return both.isdisjoint(RELATIVE_TIMES) and (named or not undone)

    @property
    def speakers(self) -> tuple[str | None, str | None]:
        """Who said the earlier and the later one."""
        return self.earlier.sentence.quote.speaker, self.later.sentence.quote.speaker

    @property
    def subject(self) -> str:
        """The words both share, as the later one says them; units only where they share nothing else."""
        return subject(self.later.words, set(self.shared) - _UNIT_STEMS or set(self.shared))


def subject(words: Sequence[Token], shared: Collection[str]) -> str:
    """The first few words of a sentence whose stems are shared with another: a label, not the sentence again."""
    named: dict[str, str] = {}
    for word in words:
        if is_content(word.low) and stem(word.low) in shared:
            named.setdefault(stem(word.low), word.low)
    return " ".join(islice(named.values(), _LONGEST_SUBJECT))


def _unrelated(one: str, other: str) -> float:
    return float(one == other)


def differences(found: Sequence[Statement], near: Similarity = _unrelated) -> Iterator[Difference]:
    """The pairs that share a rare word and differ in number or polarity, whoever said them.

    Linear in the number of statements: words of many statements are no candidates, and each statement is compared with
    a bounded number of earlier ones.

    Args:
        found: The statements of one item, in order.
        near: Cosine of two lower-case words; without it only equal words mean the same.
    """
    frequency = Counter(one for statement in found for one in set(statement.stems))
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, later in enumerate(found):
        rare = [one for one in dict.fromkeys(later.stems) if frequency[one] <= _COMMON]
        shared = Counter(earlier for one in rare for earlier in holders[one])
        for earlier, _ in islice(shared.most_common(), _PARTNERS):
            difference = _difference(found[earlier], later, frequency, near)
            if difference is not None:
                yield difference
        for one in rare:
            holders[one].append(number)


def _difference(
    earlier: Statement, later: Statement, frequency: Mapping[str, int], near: Similarity
) -> Difference | None:
    shared = tuple(one for one in dict.fromkeys(later.stems) if one in earlier.stems)
    plain = bool(shared) and (_taken_back(earlier, later) or _denied_saying(earlier, later))
    if plain or (_admitted(earlier, later) and any(frequency[one] <= _RARE for one in shared)):
        return Difference(earlier, later, POLARITY, shared, plain)
    kind = NUMBER if _other_count(earlier, later, near) else _plainly(earlier, later)
    if kind is not None:
        return Difference(earlier, later, kind, shared)
    if earlier.times != later.times or earlier.places != later.places or len(shared) < _FEWEST_SHARED:
        return None
    if _other_number(earlier, later):
        return Difference(earlier, later, NUMBER, shared)
    if _other_polarity(earlier, later, shared):
        return Difference(earlier, later, POLARITY, shared)
    return None


def _plainly(earlier: Statement, later: Statement) -> str | None:
    """How two statements differ that are the same but for a figure, or for a negation; None if they do not."""
    if earlier.conditional or later.conditional or (earlier.tense, earlier.times) != (later.tense, later.times):
        return None
    one, other = earlier.frame, later.frame
    if not one.stems or one.stems != other.stems:
        return None
    amounts = one.amount is not None and other.amount is not None and _other_amount(one.amount, other.amount)
    if earlier.negated != later.negated:
        yes, no = (other, one) if earlier.negated else (one, other)
        return POLARITY if one.side == other.side and not amounts and may_deny(yes, no) else None
    if earlier.negated or SOME in {one.quantifier, other.quantifier}:
        return None
    if one.side != other.side:
        return POLARITY if not one.event or _of_one_time(later) else None
    return NUMBER if amounts else None


def _other_amount(one: tuple[float, str], other: tuple[float, str]) -> bool:
    return one[1] == other[1] and abs(one[0] - other[0]) > _ROUNDING * max(one[0], other[0])


def _of_one_time(statement: Statement) -> bool:
    """Whether a statement is of now, or of a time that it names."""
    return statement.tense == "present" or bool(statement.times) or not _PERIODS.keys().isdisjoint(statement.stems)


def _taken_back(earlier: Statement, later: Statement) -> bool:
    one, other = earlier.position, later.position
    if one is None or other is None or not one.is_against(other):
        return False
    return earlier.times == later.times or one.always or other.always or other.never


def _denied_saying(earlier: Statement, later: Statement) -> bool:
    """Whether a speaker says that he never said what he says himself at another time."""
    if earlier.sentence.quote.speaker != later.sentence.quote.speaker or earlier.conditional != later.conditional:
        return False
    return any(
        one.denied and one.denied == other.stems and not other.negated
        for one, other in ((earlier, later), (later, earlier))
    )


def _admitted(earlier: Statement, later: Statement) -> bool:
    """Whether one speaker says that he never did what at another time he says he did."""
    if earlier.sentence.quote.speaker != later.sentence.quote.speaker or earlier.conditional or later.conditional:
        return False
    if max(len(earlier.words), len(later.words)) > _LONGEST_ADMISSION:
        return False
    for one, other in ((earlier, later), (later, earlier)):
        if one.never and one.never == other.did and not any(map(is_negation, other.words)):
            return True
    return False


def _other_count(earlier: Statement, later: Statement, near: Similarity) -> bool:
    """Whether both count things of one name or of near names, and not as many, where enough else is the same."""
    if {earlier.tense, later.tense} == {"past", "future"} or earlier.conditional or later.conditional:
        return False
    if earlier.times and later.times and earlier.times != later.times:
        return False
    if earlier.places != later.places and not earlier.places & later.places:
        return False
    if len(earlier.figures) != 1 or len(later.figures) != 1 or _of_two(earlier, later):
        return False
    one, other = *earlier.figures, *later.figures
    return (
        one.kind is other.kind
        and one.unit == other.unit
        and one.kind in {Kind.COUNT, Kind.PERCENT}
        and _apart(one, other)
        and _alike(earlier, one, later, other, near)
        and _evidence(earlier, later, near) >= _EVIDENCE
    )


def _of_two(earlier: Statement, later: Statement) -> bool:
    """Whether both say first whom or what they speak of, and it is not the same: children and adults."""
    one, other = _first_named(earlier), _first_named(later)
    return bool(one and other) and one not in later.stems and other not in earlier.stems


def _first_named(statement: Statement) -> str:
    """The stem of the first word of a statement that names something; empty where it begins with "we" or "it"."""
    for word in statement.words[:_SUBJECT_WITHIN]:
        if word.low in _NO_SUBJECT:
            return ""
        if is_content(word.low) and word.low.isalpha():
            return stem(word.low)
    return ""


def _rate(statement: Statement) -> set[str]:
    """The two periods of a figure like "seven hours a day", empty for any other."""
    following = statement.words[statement.figures[0].end :][:4]
    periods = _named(following, _PERIODS)
    return periods if len(periods) == 2 else set()


def _alike(earlier: Statement, one: Figure, later: Statement, other: Figure, near: Similarity) -> bool:
    """Whether the nouns that two figures count are equal or near."""
    ours, theirs = _nouns(earlier, one), _nouns(later, other)
    if {stem(word) for word in ours} & {stem(word) for word in theirs}:
        return True
    return any(near(left, right) >= _NEAR_NOUNS for left in ours for right in theirs)


def _nouns(statement: Statement, figure: Figure) -> list[str]:
    following = statement.words[figure.end : figure.end + 6]
    return [word.low for word in following if stem(word.low) in figure.nouns]


def _evidence(earlier: Statement, later: Statement, near: Similarity) -> int:
    """How many words, compounds and rates two statements have in common, 0 if that is the smaller part of them."""
    ours, theirs = _about(earlier.words), _about(later.words)
    said = {_SAME.get(stem(word.low), stem(word.low)): word.low for word in (*earlier.words, *later.words)}
    left, right = set(ours) - set(theirs), set(theirs) - set(ours)
    common = len(set(ours) & set(theirs))
    for one in sorted(left):
        close = [other for other in sorted(right) if near(said[one], said[other]) >= _NEAR_WORDS]
        right -= set(close[:1])
        common += bool(close)
    if common < _LEAST_SHARE * min(len(set(ours)), len(set(theirs))):
        return 0
    compound = bool(set(pairwise(ours)) & set(pairwise(theirs)))
    return common + compound + 3 * (_rate(earlier) == _rate(later) != set())


def _other_number(earlier: Statement, later: Statement) -> bool:
    """Whether both name one figure for the same thing, and not the same one."""
    if {earlier.tense, later.tense} == {"past", "future"} or _of_two(earlier, later):
        return False
    pairs = [
        (one, other)
        for one in earlier.figures
        for other in later.figures
        if one.kind is other.kind and one.unit == other.unit and _same_thing(earlier, one, later, other)
    ]
    if len(pairs) != 1:
        return False
    [(one, other)] = pairs
    return _apart(one, other)


def _apart(one: Figure, other: Figure) -> bool:
    return abs(one.value - other.value) > _ROUNDING * max(one.value, other.value)


def _same_thing(earlier: Statement, one: Figure, later: Statement, other: Figure) -> bool:
    """Whether two figures of a kind count the same.

    The counted nouns, the period and what happens to the figure (it is spent, rises, falls) must agree, and the clauses
    around them must share a compound ("rent board") or, where nothing is said to happen, most of their words.
    """
    if (one.nouns or other.nouns) and not one.nouns & other.nouns:
        return False
    near, far = _clause(earlier, one), _clause(later, other)
    if _named(near, _PERIODS) != _named(far, _PERIODS) or _named(near, _MEASURES) != _named(far, _MEASURES):
        return False
    ours, theirs = _about(near), _about(far)
    both = set(ours) & set(theirs)
    if one.kind is Kind.COUNT:
        both -= one.nouns
    if len(both) < _FEWEST_SHARED:
        return False
    if 2 * len(both) > max(len(set(ours)), len(set(theirs))):
        return True
    compound = set(pairwise(ours)) & set(pairwise(theirs))
    return bool(compound) and bool(_named(near, _MEASURES))


def _named(clause: Sequence[Token], classes: Mapping[str, str]) -> set[str]:
    return {classes[stem(word.low)] for word in clause if stem(word.low) in classes}


def _about(clause: Sequence[Token]) -> list[str]:
    """The stems of a clause without units; what is said of the average one is said of the typical one."""
    return [_SAME.get(one, one) for one in content_stems(clause) if one not in _UNIT_STEMS]


def _clause(statement: Statement, figure: Figure) -> tuple[Token, ...]:
    """The words of the clause in which a figure stands."""
    at = statement.words[figure.at].begin
    cuts = [match.start() for match in BETWEEN_CLAUSES.finditer(statement.sentence.text)]
    begin = max((cut for cut in cuts if cut <= at), default=0)
    end = min((cut for cut in cuts if cut > at), default=len(statement.sentence.text))
    return tuple(word for word in statement.words if begin <= word.begin < end)


def _other_polarity(earlier: Statement, later: Statement, shared: Sequence[str]) -> bool:
    """Whether nearly the same is said with one negation more, or with one word of opposite meaning."""
    if earlier.tense != later.tense or earlier.conditional or later.conditional or earlier.figures or later.figures:
        return False
    only_earlier, only_later = set(earlier.stems) - set(shared), set(later.stems) - set(shared)
    if len(shared) < 3 or len(only_earlier) > 2 or len(only_later) > 2:
        return False
    if earlier.negated == later.negated:
        axis = opposed(earlier.words, later.words)
        return bool(axis) and (axis not in EVENTS or _of_one_time(later))
    return (_denied(earlier) or _denied(later)) in shared and not opposed(earlier.words, later.words)


def _denied(statement: Statement) -> str:
    """The stem of the first content word after a sentence's only negation, "" without one."""
    at = [number for number, word in enumerate(statement.words) if is_negation(word)]
    if len(at) != 1:
        return ""
    return next(iter(content_stems(statement.words[at[0] + 1 :])), "")
