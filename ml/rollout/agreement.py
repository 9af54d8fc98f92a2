"""How far reviewers' labels can be trusted, by the products that two of them labelled blindly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.stats.agreement import label_inflation, reviewer_error
from ml.stats.proportion import ShareEstimate, share_estimate


@dataclass(frozen=True)
class Agreement:
    """The share of doubly reviewed products on which the first two reviewers agree.

    `error` is the share of wrong labels that this implies if people err independently and alike,
    `label_inflation` how many times the labels a comparison then needs at most; both None without
    such products, the latter also where labels are no better than a coin.
    """

    share: ShareEstimate
    error: float | None
    label_inflation: float | None


def agreement_of(rows: Sequence[Mapping[str, Any]], *, classes: int) -> Agreement:
    """From SELECTED_SCHEMA rows; a reviewer's later vote replaces an earlier one."""
    pairs = [list(latest.values())[:2] for row in rows if len(latest := _latest(row)) > 1]
    agree = np.array([first == second for first, second in pairs], bool)
    share = share_estimate(agree, np.ones(len(agree)))
    if not pairs:
        return Agreement(share, None, None)
    error = reviewer_error(share.value, classes=classes)
    inflation = label_inflation(error)
    return Agreement(share, error, inflation if np.isfinite(inflation) else None)


def _latest(row: Mapping[str, Any]) -> dict[str, str]:
    """Each reviewer's last word, in the order in which they first spoke."""
    return {vote["reviewer"]: vote["category"] for vote in row["votes"]}
