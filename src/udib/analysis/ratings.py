"""What a fact-checker's rating means, as one of our labels. Each writes what it likes: "Pants on Fire!"."""

import re
from typing import Final

from udib.core.findings import Label

_RULES: Final = tuple(
    (label, re.compile(rf"\b(?:{pattern})\b"))
    # The first that fits decides: "no evidence that it is true" is not "true", nor is "not quite true".
    for label, pattern in (
        (
            Label.NOT_ENOUGH_INFO,
            r"un(?:proven|verified|verifiable|supported|substantiated|known|determined|clear)|no (?:clear |solid )?"
            r"(?:evidence|proof)|lacks? (?:of )?(?:evidence|proof)|not (?:yet )?(?:proven|verified|supported|clear)"
            r"|insufficient|needs? (?:more )?(?:context|evidence|research)|in dispute|too early|satir\w+|unbelegt",
        ),
        (
            Label.CONFLICTING,
            r"half[ -](?:true|right|false)|mix(?:ed|ture)|part(?:ly|ially)|mislead\w*|(?:missing|lacks?|out of|without)"
            r" (?:key |important )?context|distort\w*|exaggerat\w*|cherry[ -]?pick\w*|not (?:quite|entirely|wholly"
            r"|completely|the whole)|spins?|overstat\w*|understat\w*|halb ?wahr|teilweise|irref\u00fchrend"
            r"|enga\u00f1os[oa]|trompeu(?:r|se)|some ?what",
        ),
        (
            Label.REFUTED,
            r"(?:mostly |largely |totally |completely )?(?:false|incorrect|inaccurate|wrong|untrue|fake[ds]?|falsch"
            r"|fals[oa]|faux|fausse)|pants on fire|debunk\w*|hoax|fabricat\w*|made up|invent(?:ed|ion)|baseless"
            r"|(?:four|three) pinocchios|not (?:true|correct|accurate|right|real|what)|altered|doctored|manipulated"
            r"|scam|myth|bogus|isn't true|never happened",
        ),
        (
            Label.SUPPORTED,
            r"(?:mostly |largely |basically )?(?:true|correct|accurate|right)|legit\w*|confirmed|verified|geppetto"
            r"|checks out|wahr|richtig|vra[ie]+|verdader[oa]|verdade|cierto",
        ),
    )
)
_PLAIN: Final = {"no": Label.REFUTED, "yes": Label.SUPPORTED}
_DENIED: Final = re.compile(r"\b(?:not|isn't|never|nothing) (?:\w+ )?(?:false|fake|wrong|incorrect|untrue|a hoax)\b")


def rating_label(rating: str | None) -> Label | None:
    """The label that a rating stands for; None if it is none that we know."""
    low = " ".join((rating or "").casefold().replace("\u2019", "'").split())
    if not low or _DENIED.search(low):
        return None
    if low.strip(".!") in _PLAIN:
        return _PLAIN[low.strip(".!")]
    return next((label for label, pattern in _RULES if pattern.search(low)), None)
