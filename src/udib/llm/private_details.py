"""What in a text is nobody's business but its owner's: e-mail and street addresses, phone, card and account numbers.

What is left alone matters as much: years, seconds, votes and sums of money are what a talk is about.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phonenumbers import Leniency, PhoneNumberMatcher

from udib.llm.account_numbers import Span, cards, ibans
from udib.llm.street_addresses import street_addresses


class PrivateKind(StrEnum):
    """What kind of detail; the value is what stands in its place."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    ADDRESS = "ADDRESS"
    CARD = "CARD"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True)
class PrivateDetail:
    """Where a text has what kind of detail: from character `start` to before `end`."""

    kind: PrivateKind
    start: int
    end: int


REGIONS: Final = ("US", "GB")
"""Where phone numbers without a country code are looked for, unless told otherwise."""

_EMAIL: Final = re.compile(
    r"(?<![\w.%+@-])\w[\w.%+'-]{0,63}(?<!\.)@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
_DIGITS: Final = re.compile(r"[+(]?\d(?:[ ().\xa0/\u2010-\u2015-]{0,3}\d){6,}")
"""Where a phone number may be. The library is shown no other place: times of captions would keep it busy."""
_AROUND: Final = 12
"""Characters beside it that the library may look at, and where an extension may follow."""
_FIGURES: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
"""Digits that nothing groups: an id, a time, a measurement, or a phone number of a hasty writer."""
_CALLED: Final = re.compile(
    r"\b(?:phone|call|tel|telephone|mobile|cell|fax|ring|text|dial|whatsapp|sms)\b(?: no\.)?[^.!?\d]{0,20}$",
    re.IGNORECASE,
)
_BEFORE: Final = 40
"""Characters before a number that may say that it is called."""
_FOR_MACHINES: Final = frozenset("=/#&_@$£€")
"""What stands before the digits of addresses, ids and prices."""


def private_details(text: str, regions: Sequence[str] = REGIONS) -> list[PrivateDetail]:
    """All details of a text, in order and apart.

    Phone numbers count if they are valid in their country and grouped as is usual there (or ungrouped after a word such
    as "call"); card and account numbers if their check digits are right; addresses as `street_addresses` says.

    Args:
        text: Any text.
        regions: ISO 3166 codes of the countries whose phone numbers are known without "+" and the country's code.
    """
    found = [PrivateDetail(PrivateKind.EMAIL, *match.span()) for match in _EMAIL.finditer(text)]
    found += [PrivateDetail(PrivateKind.CARD, *span) for span in cards(text)]
    found += [PrivateDetail(PrivateKind.ACCOUNT, *span) for span in ibans(text)]
    found += [PrivateDetail(PrivateKind.PHONE, *span) for span in _phones(text, regions)]
    found += [PrivateDetail(PrivateKind.ADDRESS, *span) for span in street_addresses(text)]
    return _apart(found)


def _phones(text: str, regions: Sequence[str]) -> Iterator[Span]:
    for digits in _DIGITS.finditer(text):
        start = max(0, digits.start() - _AROUND)
        window = text[start : digits.end() + _AROUND]
        for region in regions:
            # Every number is tried: the library would stop after 65,535 that are none.
            for match in PhoneNumberMatcher(window, region, Leniency.STRICT_GROUPING, max_tries=sys.maxsize):
                number = _without_open_bracket(match.raw_string)
                end = start + match.end
                begin = end - len(number)
                if _is_for_people(number, text[max(0, begin - _BEFORE) : begin]):
                    yield begin, end


def _without_open_bracket(number: str) -> str:
    return number if ")" in number else number.removeprefix("(")


def _is_for_people(number: str, before: str) -> bool:
    """Whether a valid phone number is meant as one."""
    if before[-1:] in _FOR_MACHINES:
        return False
    return not _FIGURES.fullmatch(number) or ("." not in number and bool(_CALLED.search(before)))


def _apart(found: list[PrivateDetail]) -> list[PrivateDetail]:
    """Details that overlap become one, of the kind of that which begins first (the longer, if both do)."""
    apart: list[PrivateDetail] = []
    for detail in sorted(found, key=lambda each: (each.start, -each.end)):
        if apart and detail.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = PrivateDetail(last.kind, last.start, max(last.end, detail.end))
        else:
            apart.append(detail)
    return apart
