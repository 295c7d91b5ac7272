"""How an item is built: length, pace, speakers, language, chapters."""

from udib.analysis.chapters import chapters
from udib.analysis.language import language_of
from udib.core.findings import Outline
from udib.core.speech import Transcript
from udib.core.vectors import Embedder


async def describe(transcript: Transcript, embedder: Embedder) -> Outline:
    """The outline of a transcript. `words_per_minute` counts the time in which somebody speaks."""
    talk_s = sum(max(segment.end_s - segment.start_s, 0.0) for segment in transcript.segments)
    words = transcript.word_count
    return Outline(
        duration_s=transcript.duration_s,
        words=words,
        words_per_minute=round(60 * words / talk_s, 1) if talk_s > 0 else 0.0,
        speakers=transcript.speakers,
        language=language_of(transcript),
        chapters=await chapters(transcript, embedder),
    )
