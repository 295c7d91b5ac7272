"""Words that a recogniser did not hear clearly and a statement hangs on: they make findings weaker, never stronger."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from udib.analysis.text import figures, is_negation, tokens
from udib.core.findings import Contradiction, Critical, FactCheck, Label, Unclear
from udib.core.speech import Quote

MOST_SURE: Final = 0.5
"""The highest confidence of a verdict on a claim whose number or negation was not heard clearly."""
_BASIS: Final = "its {} was not heard clearly"


def unclear_words(quote: Quote, names: frozenset[str]) -> tuple[Unclear, ...]:
    """The numbers, negations and names of a quote that were not heard clearly, in order.

    Args:
        quote: With the numbers of its doubtful words.
        names: The proper names of the transcript, in lower case.
    """
    return tuple(_unclear(quote, names)) if quote.doubtful else ()


def unclear_of(quotes: Iterable[Quote], names: frozenset[str]) -> tuple[Unclear, ...]:
    """The `unclear_words` of several quotes, each once."""
    return tuple(dict.fromkeys(word for quote in quotes for word in unclear_words(quote, names)))


def _unclear(quote: Quote, names: frozenset[str]) -> Iterator[Unclear]:
    shown = quote.text.split()
    ends = list(accumulate(len(word) + 1 for word in shown))  # with the blank behind each
    found = tokens(quote.text)
    counted = {number for figure in figures(found) for number in range(figure.at, figure.end)}
    doubtful = set(quote.doubtful)
    place, told = 0, -1
    for number, token in enumerate(found):
        while ends[place] <= token.begin:
            place += 1
        if place not in doubtful or place == told:
            continue
        if number in counted:
            kind = Critical.NUMBER
        elif is_negation(token):
            kind = Critical.NEGATION
        elif token.low in names:
            kind = Critical.NAME
        else:
            continue
        told = place
        yield Unclear(kind, shown[place])


def weakened(check: FactCheck, names: frozenset[str]) -> FactCheck:
    """The check with the unclear words of its claim. No verdict on a misheard "not" is sure."""
    unclear = unclear_words(check.claim.quote, names)
    if not unclear:
        return check
    check = replace(check, claim=replace(check.claim, unclear=unclear))
    verdict = check.verdict
    turning = [each.kind.value for each in unclear if each.kind is not Critical.NAME]
    if verdict is None or verdict.label is Label.NOT_ENOUGH_INFO or not turning:
        return check
    basis = ", ".join(part for part in (verdict.basis, _BASIS.format(turning[0])) if part)
    rule = verdict.by_rule and replace(verdict.by_rule, most=min(verdict.by_rule.most, MOST_SURE))
    sure = min(verdict.confidence, MOST_SURE)
    return replace(check, verdict=replace(verdict, confidence=sure, basis=basis, by_rule=rule))


def heard_well(pairs: Sequence[Contradiction], names: frozenset[str]) -> tuple[tuple[Contradiction, ...], int]:
    """The contradictions that do not rest on a word that may be misheard, each with its other unclear words.

    Returns:
        Those that are kept, and how many are not: a number that differs, or a negation, was not heard clearly; or the
        opposite stands in other words, and any of them was not.
    """
    told = [replace(pair, unclear=unclear_of((pair.earlier, pair.later), names)) for pair in pairs]
    kept = tuple(pair for pair in told if not _rests_on_unclear(pair))
    return kept, len(pairs) - len(kept)


def _rests_on_unclear(pair: Contradiction) -> bool:
    kinds = {each.kind for each in pair.unclear}
    if pair.difference == Critical.NUMBER.value:
        return Critical.NUMBER in kinds
    if Critical.NEGATION in kinds:
        return True
    denied = any(is_negation(token) for quote in (pair.earlier, pair.later) for token in tokens(quote.text))
    return not denied and bool(pair.earlier.doubtful or pair.later.doubtful)
