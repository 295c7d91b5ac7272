"""Hints of fallacies: how often in ordinary talk, and how many fallacies they find at that same threshold.

Ordinary talk are the turns of QMSum meetings, at 150 words a minute, without the cap an hour. Argotario and Missci are
short arguments of which most are fallacious: to call all of them so is precise too, and 100 % of the sound ones are
false alarms then; so that rate stands beside. Some cues were written after reading every second text of both sets, so
recall on the other half stands beside, too. A text counts as flagged if one of its sentences is.
"""

from collections.abc import Sequence

from benchmarks.analysis.data import Judged, argotario, data, missci
from benchmarks.analysis.scores import bounds, interval, mean
from benchmarks.analysis.sizes import Measured, Sizes
from benchmarks.memory import retrieval
from udib.analysis.fallacies import CONFIDENT, hints_in
from udib.analysis.sentences import sentences
from udib.core.findings import Fallacy
from udib.core.speech import Origin, Segment, Transcript

WORDS_AN_HOUR = 9_000
_KINDS = {
    "Ad Hominem": {"ad_hominem"},
    "Appeal to Emotion": {"appeal_to_emotion"},
    "Hasty Generalization": {"hasty_generalization"},
    "Irrelevant Authority": {"appeal_to_authority"},
    "False Dilemma / Affirming the Disjunct": {"false_dilemma"},
    "Causal Oversimplification": {"false_cause"},
}
"""Kinds that both have; the other kinds of these sets have no hint of their own."""


def measure(sizes: Sizes) -> Measured:
    """All figures of this part, of the sets that are there."""
    measured: Measured = []
    if (path := data("retrieval/qmsum-val.jsonl.gz")) is not None:
        measured += _ordinary(retrieval.load(path)[: sizes.items])
    if (path := data("analysis/fallacies/argotario-en.tsv.gz")) is not None:
        measured += _judged("argotario", argotario(path))
    if (path := data("analysis/fallacies/missci-dev.jsonl.gz")) is not None:
        measured += _judged("missci", missci(path))
    return measured


def hints(texts: Sequence[tuple[str | None, str]]) -> list[Fallacy]:
    """The hints in turns of speech at the product's threshold, without the cap an hour."""
    segments = tuple(Segment(10.0 * at, 10.0 * at + 9, text, who) for at, (who, text) in enumerate(texts))
    found = hints_in(sentences(Transcript(segments, Origin.TRANSCRIPT, "data")))
    return [hint for hint in found if hint.confidence >= CONFIDENT]


def _ordinary(meetings: Sequence[retrieval.Meeting]) -> Measured:
    counted = [
        (len(hints(each.turns)), sum(len(text.split()) for _, text in each.turns) / WORDS_AN_HOUR) for each in meetings
    ]

    def rate(some: Sequence[tuple[int, float]]) -> float:
        return sum(count for count, _ in some) / sum(hours for _, hours in some)

    low, high = interval(counted, rate)
    hours = sum(hours for _, hours in counted)
    count = sum(count for count, _ in counted)
    note = f"{count} in {hours:.1f} h; 95 % from {low:.2f} to {high:.2f}, over {len(meetings)} meetings"
    return [("fallacies_hints_an_hour", rate(counted), "1/h", note), ("fallacies_hints_an_hour_silent", 0.0, "1/h", "")]


def _judged(name: str, texts: Sequence[Judged]) -> Measured:
    found = [hints([(None, each.text)]) for each in texts]
    flagged = [float(bool(some)) for some in found]
    wrong = [flag for flag, each in zip(flagged, texts, strict=True) if not each.kind]
    right = [flag for flag, each in zip(flagged, texts, strict=True) if each.kind]
    of_flagged = [float(bool(each.kind)) for flag, each in zip(flagged, texts, strict=True) if flag]
    kinds = [
        float(any(hint.kind.value in _KINDS[each.kind] for hint in some))
        for some, each in zip(found, texts, strict=True)
        if some and each.kind in _KINDS
    ]
    unread = [flag for flag, each in zip(flagged[1::2], texts[1::2], strict=True) if each.kind]
    size = f"{len(right)} fallacious, {len(wrong)} sound texts"
    bound = bounds(of_flagged) if of_flagged else "nothing flagged"
    return [
        (f"fallacies_{name}_recall", mean(right), "", f"{bounds(right)}; {size}; silent: 0"),
        (
            f"fallacies_{name}_recall_unread",
            mean(unread),
            "",
            f"{bounds(unread)}; every second text; no cue of the last round comes from these",
        ),
        (f"fallacies_{name}_precision", mean(of_flagged), "", f"{bound}; all flagged: {len(right) / len(texts):.3f}"),
        (f"fallacies_{name}_false_alarms", mean(wrong), "", f"{bounds(wrong)}; all flagged: 1"),
        (f"fallacies_{name}_kind", mean(kinds), "", f"right kind, of {len(kinds)} flagged whose kind both know"),
    ]
