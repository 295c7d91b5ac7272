"""How evidence is cited: what it is, whose, and when it was said, published and read."""

from urllib.parse import urlsplit

from udib.core.findings import Evidence, EvidenceKind
from udib.delivery.text import clean
from udib.delivery.view import clock, when


def source_name(evidence: Evidence) -> str:
    """Where evidence comes from: what it is, source, speaker, second and dates, as far as they are known."""
    facts = [_what(evidence), clean(evidence.source)]
    facts += [clean(evidence.speaker)] if evidence.speaker and evidence.kind is not EvidenceKind.REVIEW else []
    facts += [clock(evidence.start_s)] if evidence.start_s is not None else []
    facts += [when(evidence.published_at)] if evidence.published_at else []
    facts += [f"read {when(evidence.retrieved_at)}"] if evidence.retrieved_at else []
    return ", ".join(fact for fact in facts if fact)


def _what(evidence: Evidence) -> str:
    """What kind of evidence it is and whose; nothing for what was said in another item."""
    publisher = clean(evidence.publisher or "")
    match evidence.kind:
        case EvidenceKind.REVIEW:
            of = f" of {clean(evidence.speaker)}" if evidence.speaker else ""
            return f"claim{of}, rated \u201c{clean(evidence.rating or '')}\u201d by {publisher or 'a publisher'}"
        case EvidenceKind.FILE:
            return f"document of {publisher}" if publisher else "document"
        case EvidenceKind.WEB:
            # A page may call itself anything; its host it cannot choose.
            host = clean(urlsplit(evidence.link).hostname or "")
            return f"{publisher} ({host})" if publisher not in {"", host} else host
        case EvidenceKind.MEMORY:
            return ""
