"""Street addresses in text. `pyap` knows how they are written; here is decided where it looks and what is believed."""

import re
import warnings
from collections.abc import Iterator
from typing import Final

from pyap.address import Address
from pyap.parser import AddressParser

from udib.llm.account_numbers import Span

with warnings.catch_warnings():
    # The tables of `pyap` hold escapes that Python warns of when it compiles them for the first time.
    warnings.simplefilter("ignore")
    _AMERICAN: Final = AddressParser("US")
    _BRITISH: Final = AddressParser("GB")
_WINDOW: Final = 160
"""Characters of the longest address; `pyap` takes some milliseconds for a thousand, so it is shown no more."""
_STREETS: Final = (
    "St|Street|Ave|Avenue|Rd|Road|Dr|Drive|Ln|Lane|Blvd|Boulevard|Way|Ct|Court|Pl|Place|Sq|Square|Ter|Terrace|Pkwy|"
    "Parkway|Hwy|Highway|Loop|Cir|Circle|Close|Crescent|Gardens|Mews|Row|Hill|Plaza|Alley|Trail|Walk|Broadway"
)
_WORD: Final = r"[\w.'\u2019-]+"
_STREET: Final = rf"(?:{_WORD} ){{0,4}}?(?:{_STREETS})\b(?: (?:{_STREETS}|[NS][EW]?|[EW])\b)*"
_BEGINS: Final = re.compile(
    rf"(?<![\w.,:$£€-])(?:[1-9]\d{{0,5}}[A-Za-z]?,? (?=(?P<street>{_STREET}))|P\.? ?O\.? Box \d+)",
    re.IGNORECASE,
)
"""A house number before a street, or a post office box."""
_MOST: Final = 100
"""Looks that `pyap` takes at one text, each some milliseconds. Prose has fewer; in a text that has more, whatever
begins like an address counts as one."""
_LIKE_A_YEAR: Final = re.compile(r"(?:1[5-9]|20)\d\d\b")
_PLAIN: Final = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2015\t\xa0", "------  ")
"""What `pyap` takes to be the same, one character for one, so that it stays where it was."""


def street_addresses(text: str) -> Iterator[Span]:
    """American and British addresses: a house number and a street, with the town if it follows."""
    plain, done, looks = text.translate(_PLAIN), 0, 0
    for begin in _BEGINS.finditer(plain):
        start = begin.start()
        if start < done:
            continue
        end = max(begin.end(), begin.end("street"))
        looks += 1
        if looks > _MOST:
            done = end
        else:
            done = start + len(_whole(plain[start : start + _WINDOW]) or _street_only(plain[start:end]))
        if done > start:
            yield start, done


def _whole(window: str) -> str:
    """The address with its town that begins a text; empty if there is none."""
    for parser in (_AMERICAN, _BRITISH):
        for address in parser.parse(window):
            if address.match_start == 0 and _is_written_as_one(address):
                return _as_written(address.full_address, window)
    return ""


def _street_only(line: str) -> str:
    """The text, if it is a number and a street; "2008 Wall Street" and "5 people on Main Street" are none."""
    found = [] if _LIKE_A_YEAR.match(line) else _AMERICAN.parse_single_street(line)
    return line if any(each.match_start == 0 and (each.po_box or _is_a_name(line)) for each in found) else ""


def _is_written_as_one(address: Address) -> bool:
    """Whether it is more than words that happen to follow each other: "one s ten second, or" is not in Oregon."""
    region = address.region1 or ""
    return bool(address.postal_code) or (region[:1].isupper() and not _LIKE_A_YEAR.match(address.full_address))


def _is_a_name(street: str) -> bool:
    return all(word[0].isupper() or word[0].isdigit() for word in re.findall(_WORD, street))


def _as_written(found: str, window: str) -> str:
    """The characters of the window that `pyap` gives with other gaps."""
    words = re.split(r"[\s,]+", found.rstrip(" ,.;:"))
    match = re.match(r"[\s,]+".join(map(re.escape, words)), window)
    return match[0] if match else ""
