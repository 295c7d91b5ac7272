"""Is a check-worthiness of 0.8 a claim in eight of ten? The keys of the development talks, each talk left out in turn.

The two numbers of `udib.analysis.claims.share_of_claims` are fitted here: `python -m benchmarks.analysis.calibration`
prints them, and a test holds the shipped ones to it. The weights below them were tuned on four of these talks, so the
held-out example, which nobody tuned on, stands beside.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.analysis.example import EXAMPLES, example_transcript
from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.claims import CEILING, OFFSET, SLOPE, weighed
from udib.analysis.scoring import pairs, same_words
from udib.analysis.sentences import sentences
from udib.core.speech import Origin, Segment, Transcript

_TALKS = Path(__file__).resolve().parents[2] / "tests" / "evaluation" / "development"
_WORDS_A_SECOND = 2.5
_STEPS = 50
_BINS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """The sums of the weights of a talk's sentences, and which of these are claims by its key."""

    totals: Floats
    claims: NDArray[np.bool_]


def measure(_: Sizes) -> Measured:
    """All figures of this part."""
    talks = development()
    left_out = [(one, [other for other in talks if other is not one]) for one in talks]
    right = np.concatenate([one.claims for one in talks])
    shares = np.concatenate([share(one.totals, *fit(others)) for one, others in left_out])
    rates = np.concatenate([np.full(len(one.claims), _rate(others)) for one, others in left_out])
    held = judged(example_transcript("held-out"), EXAMPLES / "held-out" / "key.json")
    of_held = share(held.totals, SLOPE, OFFSET)
    return [
        *_figures("talks", shares, right, rates, "six talks, each by a fit to the five others"),
        *_figures("held_out", of_held, held.claims, np.full(len(of_held), _rate(talks)), "one talk, never tuned on"),
    ]


def development() -> list[Judged]:
    """The six talks, in order of name."""
    return [judged(_read(path), path.with_suffix(".key.json")) for path in sorted(_TALKS.glob("*.txt"))]


def judged(transcript: Transcript, key: Path) -> Judged:
    """A talk's sentences as the product weighs them, beside its key."""
    said = sentences(transcript)
    wanted = [claim["quote"] for claim in json.loads(key.read_text(encoding="utf-8"))["claims"]]
    claims = np.zeros(len(said), dtype=np.bool_)
    claims[[one for one, _ in pairs([sentence.text for sentence in said], wanted, same_words)]] = True
    return Judged(np.array([total for total, _ in weighed(said)]), claims)


def fit(talks: Sequence[Judged]) -> tuple[float, float]:
    """Slope and offset of the likeliest logistic curve below the ceiling, by Fisher's scoring.

    The targets are drawn in a little, as Platt does, so that a curve exists where the sums part the claims from the
    rest without a fault.
    """
    totals, claims = (np.concatenate([getattr(talk, name) for talk in talks]) for name in ("totals", "claims"))
    many, few = claims.sum(), (~claims).sum()
    targets = np.where(claims, (many + 1) / (many + 2), 1 / (few + 2))
    inputs = np.column_stack((totals, np.ones_like(totals)))
    weights = np.zeros(2)
    for _ in range(_STEPS):
        curve = 1 / (1 + np.exp(-inputs @ weights))
        found = CEILING * curve
        steep = (1 - curve) / (1 - found)
        information = (inputs * (found * (1 - curve) * steep)[:, None]).T @ inputs
        weights += np.linalg.solve(information, inputs.T @ ((targets - found) * steep))
    slope, offset = weights.tolist()
    return slope, offset


def share(totals: Floats, slope: float, offset: float) -> Floats:
    """`share_of_claims` of the product, with a fit of its own."""
    return np.asarray(CEILING / (1 + np.exp(-slope * totals - offset)))


def brier(shares: Floats, right: NDArray[np.bool_]) -> float:
    """Mean of the squared distances to what was true; 0 is perfect."""
    return float(((shares - right) ** 2).mean())


def calibration_error(shares: Floats, right: NDArray[np.bool_]) -> float:
    """Mean distance of what was said from what was so, in equally large groups of neighbouring shares."""
    groups = np.array_split(np.argsort(shares, kind="stable"), _BINS)
    return float(sum(len(one) * abs(shares[one].mean() - right[one].mean()) for one in groups) / len(shares))


def _figures(name: str, shares: Floats, right: NDArray[np.bool_], rates: Floats, note: str) -> Measured:
    counts = f"{note}; {len(right)} sentences, {int(right.sum())} of them claims"
    return [
        (f"calibration_{name}_error", calibration_error(shares, right), "", f"{counts}; {_BINS} groups"),
        (f"calibration_{name}_brier", brier(shares, right), "", counts),
        (
            f"calibration_{name}_brier_base",
            brier(rates, right),
            "",
            "the talks' share of claims said of every sentence",
        ),
    ]


def _rate(talks: Sequence[Judged]) -> float:
    return float(np.concatenate([talk.claims for talk in talks]).mean())


def _read(path: Path) -> Transcript:
    """A talk with a segment for each turn, "SPEAKER: text", at the pace of speech."""
    segments, now_s = [], 0.0
    for turn in path.read_text(encoding="utf-8").split("\n\n")[1:]:
        speaker, text = " ".join(turn.split()).split(": ", 1)
        end_s = now_s + len(text.split()) / _WORDS_A_SECOND
        segments.append(Segment(now_s, end_s, text, speaker))
        now_s = end_s
    return Transcript(tuple(segments), Origin.TRANSCRIPT, "talk")


if __name__ == "__main__":
    print("SLOPE {:.2f}, OFFSET {:.2f}".format(*fit(development())))
