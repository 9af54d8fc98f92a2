"""The four monitors: what changed between a reference window and the current one. Pure.

Each asks for a change that is large enough to matter and that chance does not explain.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, norm

from ml.domain.drift import Finding, Monitor
from ml.stats.ks import ks_distance
from ml.stats.multiplicity import benjamini_hochberg
from ml.stats.proportion import WeightedShare, weighted_share

_CONCEPT_LEVEL = 0.01  # one-sided, and beside the drop itself: it alerts at the first check
_PREDICTION_LEVEL = 0.001  # a daily check is wrong once in three years


@dataclass(frozen=True, kw_only=True)
class MonitorPolicy:
    """What is drift.

    `max_false_discovery_rate` of the signals found shifted, `min_distance` the KS distance of a
    shift, of a signal that `min_products` or more have a window, `max_divergence` in nats,
    `max_accuracy_drop` absolute, on `min_labels` or more a window, `min_confidence` the mean of a
    window.
    """

    max_false_discovery_rate: float
    min_distance: float
    min_products: int
    max_divergence: float
    max_accuracy_drop: float
    min_labels: int
    min_confidence: float


def watch_data(
    reference: pa.Table, current: pa.Table, p_values: Mapping[str, float], policy: MonitorPolicy
) -> Finding:
    """Whether signals shifted: by `min_distance`, and beyond the false-discovery rate.

    `p_values` are the KS tests' of the signals that have values in both windows. A signal that few
    products have says nothing of the others: a single odd picture would be a distance of 1.
    """
    p_values = {
        name: p_value
        for name, p_value in p_values.items()
        if min(_values(window, name) for window in (reference, current)) >= policy.min_products
    }
    adjusted = benjamini_hochberg(np.array(list(p_values.values())))
    distances = {name: _distance(reference, current, name) for name in p_values}
    shifted = [
        name
        for name, value in zip(p_values, adjusted, strict=True)
        if value <= policy.max_false_discovery_rate and distances[name] >= policy.min_distance
    ]
    numbers = {"signals": float(len(p_values)), "shifted_signals": float(len(shifted))}
    numbers |= {f"{name}_distance": distances[name] for name in p_values}
    numbers |= {f"{name}_p_value": p_value for name, p_value in p_values.items()}
    ordered = sorted(shifted, key=lambda name: -distances[name])
    parts = [f"{name} (distance {distances[name]:.2f}, p {p_values[name]:.1g})" for name in ordered]
    unmoved = f"none of {len(p_values)} signals shifted by a KS distance of {policy.min_distance:g}"
    reason = f"shifted signals: {', '.join(parts)}" if parts else unmoved
    return Finding(Monitor.DATA, bool(shifted), reason, numbers)


def _values(window: pa.Table, name: str) -> int:
    """How many products of a window have this signal."""
    return int(window.num_rows - window[name].null_count)


def _distance(reference: pa.Table, current: pa.Table, name: str) -> float:
    samples = (window[name].drop_null().to_numpy() for window in (reference, current))
    return ks_distance(*samples)


def watch_concept(reference: pa.Table, current: pa.Table, policy: MonitorPolicy) -> Finding:
    """Whether reviewers agree less with the model than in the reference window.

    Both are outcomes (OUTCOME_SCHEMA). Reviewers err at times, in both windows alike, so it is
    their agreement that is compared, never a figure of the training's.
    """
    before, now = _agreement(reference), _agreement(current)
    drop = before.value - now.value
    error = hypot(before.standard_error, now.standard_error)
    numbers = {
        "reference_accuracy": before.value,
        "reference_labels": float(before.labels),
        "current_accuracy": now.value,
        "current_labels": float(now.labels),
        "drop": drop,
        "standard_error": error,
    }
    if min(before.labels, now.labels) < policy.min_labels:
        few = f"{before.labels} and {now.labels} labels, fewer than {policy.min_labels} a window"
        return Finding(Monitor.CONCEPT, False, few, numbers)
    p_value = float(norm.sf(drop / error))
    return Finding(
        Monitor.CONCEPT,
        drop > policy.max_accuracy_drop and p_value < _CONCEPT_LEVEL,
        f"reviewers agree with {now.value:.1%} of the answers ({now.labels} labels), in the "
        f"reference window with {before.value:.1%} ({before.labels} labels; p {p_value:.1g})",
        numbers | {"p_value": p_value},
    )


def _agreement(outcomes: pa.Table) -> WeightedShare:
    hits = pc.equal(outcomes["category"], outcomes["label"]).to_numpy()
    return weighted_share(hits, outcomes["inclusion_probability"].to_numpy())


def watch_prediction(
    reference: pa.Table, current: pa.Table, divergence: float, policy: MonitorPolicy
) -> Finding:
    """Whether the predicted classes diverge, and by more than chance (Pearson's chi-squared).

    The divergence of small samples is large when nothing has changed: 0.13 nats on average for 27
    classes in two windows of 200 products.
    """
    p_value = float(chi2_contingency(_counts(reference, current)).pvalue)
    return Finding(
        Monitor.PREDICTION,
        divergence > policy.max_divergence and p_value < _PREDICTION_LEVEL,
        f"predicted classes diverge by {divergence:.3f} nats "
        f"(allowed {policy.max_divergence:g}; p {p_value:.1g})",
        {"divergence": divergence, "p_value": p_value},
    )


def _counts(*windows: pa.Table) -> NDArray[np.int64]:
    """How often each category occurs in each window, [windows, categories]."""
    tallies = [Counter(window["category"].to_pylist()) for window in windows]
    categories = sorted(set().union(*tallies))
    return np.array([[tally[category] for category in categories] for tally in tallies])


def watch_confidence(current: pa.Table, policy: MonitorPolicy) -> Finding:
    """Whether the answers of the current window are too unsure on average."""
    mean = float(pc.mean(current["confidence"]).as_py())
    return Finding(
        Monitor.CONFIDENCE,
        mean < policy.min_confidence,
        f"mean confidence {mean:.1%} (at least {policy.min_confidence:.1%})",
        {"mean_confidence": mean},
    )
