"""What models judge, as far as code believes it: stances, the points of a debate, who was asked, and what was dropped.

A model only ever names numbers and words of a list. What a reader sees of it are words that were said or written.
"""

from dataclasses import dataclass
from enum import StrEnum

from udib.core.speech import Missing, Quote


class Stance(StrEnum):
    """What a piece of evidence says of a claim."""

    NEITHER = "neither"
    SUPPORTS = "supports"
    REFUTES = "refutes"


class Strength(StrEnum):
    """Whether it says so outright, or it has to be inferred."""

    WEAK = "weak"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one piece of evidence says of a claim, as a model judged it.

    `evidence` is its place in `FactCheck.evidence`, from 0; `excerpts` are its sentences that decide, word for word.
    """

    evidence: int
    stance: Stance
    strength: Strength
    excerpts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many findings failed one check. `reason` is a code such as `unknown_number`."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What became of all findings of one kind: how many passed every check, and why the others did not."""

    kind: str
    kept: int = 0
    dropped: tuple[Dropped, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Which models a part of a report comes from, in how many calls, at what cost."""

    models: tuple[str, ...] = ()
    calls: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class DebatePoint:
    """A point that somebody made, and what the others said to it. Without answers it was dropped."""

    raised: Quote
    answers: tuple[Quote, ...] = ()


class Dimension(StrEnum):
    """What of a speech is looked at."""

    ARGUMENT = "argument"
    EVIDENCE = "evidence"
    CLASH = "clash"
    CONDUCT = "conduct"


class Grade(StrEnum):
    """How a speech does in one dimension."""

    WEAK = "weak"
    FAIR = "fair"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class SpeechGrade:
    """How one speaker does in one dimension; None: read in the other order, the model says something else."""

    speaker: str
    dimension: Dimension
    grade: Grade | None


@dataclass(frozen=True, slots=True)
class DebateOutcome:
    """Who did better by the grades, made only where a reader asks for it.

    `winner` is None for a tie, and where the two orders of reading disagree; `by_order` are the two outcomes, the
    speakers first read in order of appearance, then the other way round.
    """

    winner: str | None
    by_order: tuple[str | None, str | None]

    @property
    def agreed(self) -> bool:
        """Whether both orders of reading gave the same."""
        return self.by_order[0] == self.by_order[1]


@dataclass(frozen=True, slots=True)
class DebateLedger:
    """The points of a debate, who answered them, and how the speeches do, by a model's judgement.

    `passages_read` of `passages` were shown to the model that graded; `outcome` is None unless it was asked for.
    """

    points: tuple[DebatePoint, ...] = ()
    grades: tuple[SpeechGrade, ...] = ()
    outcome: DebateOutcome | None = None
    passages: int = 0
    passages_read: int = 0
    use: ModelUse = ModelUse()
    gates: tuple[Gate, ...] = ()
    missing: tuple[Missing, ...] = ()
