"""What MABWiser learns from a fixed sequence, for the test of our own posterior.

`.bench/mabwiser/bin/python -m benchmarks.peers.mabwiser_reference > tests/unit/llm/data/mabwiser.json`, after
`uv pip install mabwiser` into that environment. Needs mabwiser only.
"""

import json
from importlib.metadata import version

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

ARMS = ("a", "b", "c")
DIMENSION = 5
UPDATES = 60
SEED = 20


def main() -> None:
    """Learn one by one, print the sequence and what came of it."""
    rng = np.random.default_rng(SEED)
    contexts = rng.standard_normal((UPDATES, DIMENSION)).round(3)
    contexts[:, 0] = 1.0
    arms = [ARMS[number] for number in rng.integers(len(ARMS), size=UPDATES)]
    rewards = rng.random(UPDATES).round(3)
    found = {}
    for name, policy in (("LinTS", LearningPolicy.LinTS(alpha=0.5)), ("LinUCB", LearningPolicy.LinUCB(alpha=0.5))):
        bandit = MAB(list(ARMS), policy)
        bandit.fit(arms[:1], rewards[:1], contexts[:1])
        for number in range(1, UPDATES):
            bandit.partial_fit(arms[number : number + 1], rewards[number : number + 1], contexts[number : number + 1])
        models = bandit._imp.arm_to_model  # noqa: SLF001 - nothing public tells what was learned
        found[name] = {arm: {"mean": models[arm].beta.tolist(), "precision": models[arm].A.tolist()} for arm in ARMS}
    sequence = {"contexts": contexts.tolist(), "arms": arms, "rewards": rewards.tolist()}
    print(json.dumps({"mabwiser": version("mabwiser"), "l2": 1.0, "sequence": sequence, "learned": found}))


if __name__ == "__main__":
    main()
