import pytest

from udib.core.findings import Evidence, EvidenceKind
from udib.delivery.citation import source_name


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (
            Evidence("They said so.", "Talk", "", 0.5, speaker="Ann", start_s=61.0, published_at="2022-03-01"),
            "Talk, Ann, 1:01, 2022-03-01",
        ),
        (
            Evidence(
                "Rents doubled", "Did rents double?", "https://a.example/", 0.5, kind=EvidenceKind.REVIEW,
                publisher="Checkers", rating="False\u202e", speaker="B. Speaker",
                retrieved_at="2026-05-01T12:00:00+00:00",
            ),
            "claim of B. Speaker, rated \u201cFalse\u201d by Checkers, Did rents double?, read 2026-05-01 12:00 UTC",
        ),
        (Evidence("x", "Report", "", 0.5, kind=EvidenceKind.FILE, publisher="Office"), "document of Office, Report"),
        (Evidence("x", "Report", "", 0.5, kind=EvidenceKind.FILE), "document, Report"),
        (
            Evidence("x", "News", "https://a.example/", 0.5, kind=EvidenceKind.WEB, publisher="Paper"),
            "Paper (a.example), News",
        ),
        (Evidence("x", "News", "https://a.example/", 0.5, kind=EvidenceKind.WEB), "a.example, News"),
    ],
)  # fmt: skip
def test_evidence_says_what_it_is(evidence: Evidence, name: str) -> None:
    assert source_name(evidence) == name
