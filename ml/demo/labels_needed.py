"""How many labels each rule would have needed to decide on a challenger such as was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ml.demo.rules import RULES, STOPPING, judge_by_every_rule
from ml.rollout.judge import JudgePolicy
from ml.rollout.months import BoolArray, Verdicts
from ml.simulation.months import Conditions, Design

_DAYS = 100  # 10,000 labels: beyond, nobody waits
_UNPAIRED_DAYS = 200


@dataclass(frozen=True)
class Median:
    """The median of the labels that a rule takes; the unpaired test's are of each arm.

    `labels` None: it does not decide so on half of the challengers, though it takes up to
    `at_most`; or it never does, since it only stops.
    `false_stops` is the share of challengers as good as the champion that it stops in 30 days.
    """

    labels: int | None
    at_most: int
    false_stops: float


def labels_needed(
    *,
    disagreement: float,
    wins: int,
    ties: int,
    losses: int,
    policy: JudgePolicy,
    promoting: bool = False,
    accuracy: float = 0.85,
    months: int = 400,
    seed: int = 42,
) -> Mapping[str, Median]:
    """Simulate each of RULES on challengers that disagree, win and lose as often as one did.

    Counted are the labels until they are stopped, or (`promoting`) promoted. `accuracy` is the
    champion's; 100 labels a day are given out. Raises ValueError without a labelled disagreement.
    """
    labelled = wins + ties + losses
    if not labelled or disagreement <= 0:
        raise ValueError("no labelled disagreement: nothing tells what a rule would have needed")
    seen = Conditions(
        disagreement=disagreement,
        difference=min(max(disagreement * (wins - losses) / labelled, -accuracy), 1.0 - accuracy),
        both_wrong=ties / labelled,
        accuracy=accuracy,
    )
    rng = np.random.default_rng(seed)
    long = judge_by_every_rule(
        rng, months, seen, Design(days=_DAYS), policy, unpaired_days=_UNPAIRED_DAYS
    )
    equal = judge_by_every_rule(rng, months, replace(seen, difference=0.0), Design(), policy)
    return {
        name: _median(
            long[name],
            long[name].promoted & (name not in STOPPING) if promoting else long[name].stopped,
            float(equal[name].stopped.mean()),
        )
        for name in RULES
    }


def _median(verdicts: Verdicts, decided: BoolArray, false_stops: float) -> Median:
    labels = float(np.median(np.where(decided, verdicts.labels, np.inf)))
    at_most = int(verdicts.labels.max())
    return Median(int(labels) if np.isfinite(labels) else None, at_most, false_stops)
