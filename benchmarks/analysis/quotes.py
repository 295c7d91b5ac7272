"""Which edited quotes pass for what was said? Sentences of the examples and of QMSum, validation part.

Of each kind there are at least 5,000 edits, drawn with a fixed seed. Those that say something else should be refused;
those that only tidy up should be accepted. To accept everything passes 100 %
of both, to accept nothing none. Beside stands the comparison word by word (`Transcript.quote`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.analysis import edits
from benchmarks.analysis.data import data
from benchmarks.analysis.example import TALKS, example_transcript
from benchmarks.analysis.scores import mean
from benchmarks.analysis.sizes import Measured, Sizes
from benchmarks.memory import retrieval
from udib.analysis.quoting import QuoteGate
from udib.analysis.sentences import sentences
from udib.core.speech import Origin, Quote, Segment, Transcript

_FEWEST, _MOST = 6, 40
_CHANGES: dict[str, edits.Edit] = {
    "negation": edits.negation,
    "number": edits.number,
    "quantifier": edits.quantifier,
    "unit": edits.unit,
}
_TIDIED: dict[str, edits.Edit] = {
    "fillers": edits.fillers,
    "case": edits.case,
    "punctuation": edits.punctuation,
    "contractions": edits.contractions,
    "figures": edits.figures,
}
Find = Callable[[str], Quote | None]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and the number of the transcript it stands in."""

    text: str
    transcript: int


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    path = data("retrieval/qmsum-val.jsonl.gz")
    if path is None:
        return []
    transcripts = [example_transcript(name) for name in TALKS]
    transcripts += [_transcript(meeting) for meeting in retrieval.load(path)[: sizes.items]]
    said = [
        Said(sentence.text, number)
        for number, transcript in enumerate(transcripts)
        for sentence in sentences(transcript)
        if _FEWEST <= len(sentence.text.split()) <= _MOST
    ]
    finders = [QuoteGate(transcript).find for transcript in transcripts]
    texts = [each.text for each in said]
    changes = _CHANGES | {"name": partial(edits.name, names=edits.names_of(texts))}
    note = f"{len(said)} sentences of {len(transcripts)} transcripts"
    measured, rates = [], []
    for kind, edit in (changes | _TIDIED).items():
        share, rate, count = _accepted(said, finders, edit, sizes.edits, kind)
        wanted = "changed" if kind in changes else "tidied"
        measured.append((f"quotes_{wanted}_{kind}", share, "", f"accepted of {count:,} edits; {note}"))
        rates.append(rate)
    exact = [transcript.quote for transcript in transcripts]
    plain = [_accepted(said, exact, edit, sizes.edits, kind)[0] for kind, edit in _TIDIED.items()]
    measured.append(("quotes_tidied_word_by_word", mean(plain), "", "mean over the kinds, compared word by word"))
    return [
        *measured,
        ("quotes_per_s", min(rates), "1/s", "the slowest kind, one core, best of 3, transcripts indexed before"),
    ]


def _accepted(
    said: Sequence[Said], finders: Sequence[Find], edit: edits.Edit, count: int, seed: str
) -> tuple[float, float, int]:
    """The share accepted, quotes a second, and how many edits there were."""
    drawn = list(edits.edited([each.text for each in said], edit, count, seed))
    seconds = []
    for _ in range(3):
        began = time.process_time()
        found = [finders[said[at].transcript](text) for at, text in drawn]
        seconds.append(time.process_time() - began)
    return mean([float(quote is not None) for quote in found]), len(drawn) / min(seconds), len(drawn)


def _transcript(meeting: retrieval.Meeting) -> Transcript:
    segments = tuple(
        Segment(10.0 * at, 10.0 * at + 9, text, who) for at, (who, text) in enumerate(meeting.turns) if text
    )
    return Transcript(segments, Origin.TRANSCRIPT, "qmsum")
