"""Card and bank account numbers in text, told from other numbers by their check digits.

Sources: ISO/IEC 7812-1 annex B (the Luhn formula), the ranges that the card schemes publish, ISO 13616 and ISO/IEC 7064
MOD 97-10 (IBAN), and the lengths by country of SWIFT's IBAN registry.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

Span = tuple[int, int]
"""Where a text has something: from its first character to behind its last."""

_CARD: Final = re.compile(
    r"(?<![\w.,/$-])(?<!\d:)(?:"
    r"\d{12,19}"
    r"|\d{4}([ \xa0\u202f-])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?"
    r"|\d{4}([ \xa0\u202f-])\d{6}\2\d{4,5}"
    r")(?![\w-]|[.,:]\d)",
    re.ASCII,
)
"""As cards are written: without gaps, or in groups of 4-4-4-4(-3), 4-6-5 (American Express) and 4-6-4 (Diners)."""
_SCHEMES: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d\d|35(?:2[89]|[3-8]\d)|62\d\d)\d{12}(?:\d{3})?"  # Discover, JCB, UnionPay
    r"|(?:50|5[6-8]|6[37])\d{14}"  # Maestro
)
_IBAN_BEGINS: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?= ?[A-Z0-9])")
_COUNTRIES: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""The countries by the length of their numbers."""
_LENGTHS: Final = {country: length for length, names in _COUNTRIES.items() for country in names.split()}


def cards(text: str) -> Iterator[Span]:
    """The card numbers: of a scheme's range and length, and with the right check digit."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"[ \xa0\u202f-]", "", match[0])
        if _SCHEMES.fullmatch(digits) and passes_luhn(digits):
            yield match.span()


def ibans(text: str) -> Iterator[Span]:
    """The international bank account numbers, with or without gaps: of their country's length, and right."""
    for begin in _IBAN_BEGINS.finditer(text):
        length = _LENGTHS.get(begin[0][:2])
        match = length and _iban_of(length).match(text, begin.start())
        if match and passes_mod_97(match[0].replace(" ", "")):
            yield match.span()


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[::-2]) + sum(two // 10 + two % 10 for two in doubled)) % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """Whether an IBAN without gaps, of capital letters and digits, has the right check digits."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


@cache
def _iban_of(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z0-9](?: ?[A-Z0-9]){{{length - 1}}}(?![A-Za-z0-9])")
