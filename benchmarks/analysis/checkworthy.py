"""Are the sentences that fact-checkers took up among the first? CheckThat! 2019, training part, as a measure set.

Nothing is learned from it: weights are set by hand, and each change of them is recorded in docs/explanation/verdicts.md
with its effect. A line is a sentence, ranked within its debate; the mean is over debates, and so is the bootstrap.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.analysis.calibration import brier, calibration_error
from benchmarks.analysis.data import Debate, data, debates
from benchmarks.analysis.scores import SEED, average_precision, bounds, interval, mean, share_for
from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.claims import WORTH_CHECKING, ranked
from udib.analysis.sentences import Sentence
from udib.core.speech import Origin, Segment, Transcript

_SHUFFLES = 100
Scored = tuple[NDArray[np.float64], NDArray[np.bool_]]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    path = data("analysis/claims/checkthat2019-train.tar.gz")
    if path is None:
        return []
    read = debates(path)[: sizes.items]
    scored = [(worth(debate), np.array(debate.taken_up)) for debate in read]
    precisions = [average_precision(scores.tolist(), right.tolist()) for scores, right in scored]
    lines, taken = sum(len(right) for _, right in scored), sum(int(right.sum()) for _, right in scored)
    against = f"{len(read)} debates and speeches, {lines} sentences, {taken} taken up; bootstrap over debates"
    return [
        ("checkworthy_map", mean(precisions), "", f"{bounds(precisions)}; {against}"),
        *_baselines(read),
        *(_sent(recall, scored) for recall in (0.9, 0.8, 0.5)),
        ("checkworthy_sent_for_90_random", 0.9, "", "sentences in random order"),
        *_at_threshold(scored),
        *_transfer(scored),
    ]


def worth(debate: Debate) -> NDArray[np.float64]:
    """The check-worthiness of each line; a line is a sentence here, wherever the product would cut."""
    lines = tuple(Segment(4.0 * at, 4.0 * at + 4, text, who) for at, (who, text) in enumerate(debate.lines))
    transcript = Transcript(lines, Origin.TRANSCRIPT, "checkthat")
    turns = accumulate(one.speaker != other.speaker for one, other in pairwise((*lines[:1], *lines)))
    cut = [
        Sentence(transcript.cut(at, 0, at, len(line.text)), at, turn, 0)
        for at, (line, turn) in enumerate(zip(lines, turns, strict=True))
    ]
    return np.array([score for score, _ in ranked(cut)])


def _baselines(read: Sequence[Debate]) -> Measured:
    rng = np.random.default_rng(SEED)
    ways: dict[str, tuple[Callable[[Debate], float], str]] = {
        "random": (
            lambda debate: mean(
                [average_precision(rng.random(len(debate.lines)).tolist(), debate.taken_up) for _ in range(_SHUFFLES)]
            ),
            f"mean of {_SHUFFLES} shuffles",
        ),
        "lead": (
            lambda debate: average_precision(range(len(debate.lines), 0, -1), debate.taken_up),
            "first said, first",
        ),
        "longest": (
            lambda debate: average_precision([len(text.split()) for _, text in debate.lines], debate.taken_up),
            "most words first",
        ),
    }
    return [
        (f"checkworthy_map_{name}", mean([way(one) for one in read]), "", note) for name, (way, note) in ways.items()
    ]


def _sent(recall: float, scored: Sequence[Scored]) -> tuple[str, float, str, str]:
    def share(some: Sequence[Scored]) -> float:
        return share_for(recall, np.concatenate([one for one, _ in some]), np.concatenate([one for _, one in some]))

    low, high = interval(scored, share)
    note = f"share of all sentences, one threshold for all debates; 95 % from {low:.3f} to {high:.3f}"
    return f"checkworthy_sent_for_{recall:.0%}".rstrip("%"), share(scored), "", note


def _at_threshold(scored: Sequence[Scored]) -> Measured:
    worthy = np.concatenate([scores >= WORTH_CHECKING for scores, _ in scored])
    right = np.concatenate([taken for _, taken in scored])
    note = f"at the product's threshold of {WORTH_CHECKING:g}"
    return [
        ("checkworthy_false_alarms", float(worthy[~right].mean()), "", f"share of sentences nobody took up, {note}"),
        ("checkworthy_recall", float(worthy[right].mean()), "", f"share of those taken up, {note}"),
        ("checkworthy_precision", float(right[worthy].mean()), "", f"{note}; all flagged: {right.mean():.3f}"),
    ]


def _transfer(scored: Sequence[Scored]) -> Measured:
    """What the number says of another question: what is a claim to a listener is seldom taken up by fact-checkers."""
    said, right = (np.concatenate(column) for column in zip(*scored, strict=True))
    rate = np.full(len(right), right.mean())
    note = "fitted to the keys of talks, where every claim counts, and not to this choice of fact-checkers"
    return [
        ("checkworthy_mean_share", float(said.mean()), "", f"{note}; taken up: {right.mean():.3f}"),
        ("checkworthy_error", calibration_error(said, right), "", note),
        ("checkworthy_brier", brier(said, right), "", note),
        ("checkworthy_brier_base", brier(rate, right), "", "the share of those taken up, said of every sentence"),
    ]
