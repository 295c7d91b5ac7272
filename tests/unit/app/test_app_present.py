from udib.analysis.aggregate import aggregate
from udib.app.present import questions_to_try
from udib.core.findings import Chapter, Findings, Outline
from udib.core.speech import Origin, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

SAID = Transcript((Segment(0.0, 9.0, "The ferry is late again."),), Origin.TRANSCRIPT, "test")
CONTENT = Content(ContentId("file:1"), Platform.FILE, "file:///talk.txt", "Talk")


def test_suggested_questions_are_short_or_left_out() -> None:
    titles = (
        "The ferry is late again so",
        "night ferry and harbor master salary",
        "night ferry and pier",
        "lost hat",
        "lighthouse",
    )
    opening = SAID.cut(0, 0, 0, 9)
    outline = Outline(9.0, 5, 33.0, (), "en", tuple(Chapter(title, 0.0, 9.0, opening) for title in titles))
    report = aggregate(
        Findings(SAID, outline, None, None, None), CONTENT, created_at="2026-01-01T00:00:00Z", revision=1
    )
    assert questions_to_try(report) == ("What was said about night ferry?", "What was said about lost hat?")
