"""What a user may choose of the demo, and the settings that a small, fast loop needs."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ml.wiring.config import Settings

SHOWN = (
    *("challenger_share", "shadow_share", "watch_share", "watch_days"),
    *("cohort_draws", "cohort_complete", "cohort_wait_days", "judge_margin", "judge_label_error"),
    *("judge_false_stop_rate", "judge_false_promotion_rate", "judge_max_accuracy_drop"),
    *("products_per_day", "review_capacity_per_day", "disagreement_capacity_per_day"),
    *("audit_share", "second_review_share", "confidence_threshold"),
    *("drift_reference_products", "drift_window_products", "drift_min_products"),
    *("drift_checks_in_a_row", "drift_min_distance", "drift_max_divergence", "drift_min_labels"),
    *("drift_max_accuracy_drop", "drift_min_confidence", "gate_max_f1_drop", "seed", "replay"),
)
AUDITED_SHARE = 0.5  # of the reviews: the more at random, the less a few of them weigh
DISAGREEMENT_SHARE = 0.3  # of the reviews: some hundred a stretch
WATCHED_SHARE = 0.75  # of a stretch's days: over with the judge's second look
COHORT_WAIT_DAYS = 4.0  # most of the simulated reviewers who ever answer have by then


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What to play. Without `data` a marketplace is made, `bootstrap` products of which were there
    before. Then come stretches of `stretch` products, at most `stretches` of them; after
    `changes_after` the made marketplace changes. People are asked about `label_share` of the
    products. `keep` leaves the services running.
    """

    data: Path | None = None
    bootstrap_before: datetime | None = None
    bootstrap: int = 2_500
    stretch: int = 600
    stretches: int = 14
    changes_after: int = 3
    label_share: float = 0.6
    keep: bool = False


def demo_settings(settings: Settings, options: DemoOptions, *, products_per_day: float) -> Settings:
    """The settings with what the demo wishes; what the user has set explicitly stays.

    A marketplace of a few thousand products can't wait for the labels that a real one collects:
    the slice is larger, a window is a stretch, and one check is enough for an alarm. What the judge
    allows itself is left as it is.
    """
    stretch = options.stretch
    stretch_days, reviews = stretch / products_per_day, options.label_share * products_per_day
    wishes = {
        "products_per_day": products_per_day,
        "review_capacity_per_day": reviews,
        "disagreement_capacity_per_day": DISAGREEMENT_SHARE * reviews,
        "expected_disagreement": 0.25,  # of what no gate has seen, which is the sabotage
        "audit_share": AUDITED_SHARE * options.label_share,
        "challenger_share": 0.4,
        "watch_share": 1.0,
        "watch_days": WATCHED_SHARE * stretch_days,
        "judge_max_days": 3_650.0,  # a real catalogue takes months for a stretch
        "cohort_hours": 24.0 * stretch_days,
        "cohort_complete": 0.7,  # 80 % are ever answered
        "cohort_wait_days": COHORT_WAIT_DAYS,
        "drift_reference_products": stretch,
        "drift_window_products": stretch,
        "drift_min_products": max(20, stretch // 4),
        "drift_min_labels": max(10, stretch // 5),
        "drift_checks_in_a_row": 1,
        # Between windows of some hundred products, chance alone makes distances of 0.1.
        "drift_min_distance": 0.15,
        "replay": True,
    }
    missing = wishes.keys() - settings.model_fields_set
    return settings.model_copy(update={name: wishes[name] for name in sorted(missing)})


def shown_settings(settings: Settings) -> dict[str, float | int | bool]:
    """The settings that the loop's decisions hang on, by name."""
    return {name: getattr(settings, name) for name in SHOWN}
