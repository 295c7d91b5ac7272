"""How much is measured: all of it, or a part for trying the benchmark itself."""

from dataclasses import dataclass

Measured = list[tuple[str, float, str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of runs and rounds.

    Attributes:
        runs: Runs that are ordered before workers are killed.
        kills: Kills in a round.
        rounds: Rounds of kills.
        quick: Runs whose stages take no time, for the throughput.
        queued: Jobs in the queue whose memory is measured.
        together: Runs of the fleet at the same time.
        idle: Runs of the fleet whose stages take no time.
        backlog: Orders of one tenant before the single one of another.
        stage_s: Seconds of a stage in the realistic case.
        turns: Runs of each pattern of which the best is taken, fewer where an item takes more than a second.
        crowd: Items at the same time that share what is scarce.
        captioned: Hours of captions whose cost is measured.
        clips: Recordings whose cost is measured.
    """

    runs: int = 200
    kills: int = 5
    rounds: int = 5
    quick: int = 2_000
    queued: int = 1_000
    together: int = 32
    idle: int = 256
    backlog: int = 500
    stage_s: float = 1.0
    turns: int = 12
    crowd: int = 24
    captioned: int = 12
    clips: int = 5


FULL = Sizes()
TRIAL = Sizes(
    runs=200, kills=3, rounds=1, quick=500, queued=200, together=16, idle=48, backlog=60, stage_s=0.2, turns=2, crowd=8,
    captioned=2, clips=1,
)  # fmt: skip
