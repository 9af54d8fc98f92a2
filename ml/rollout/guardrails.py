"""Guardrails: what a candidate must not break, whatever its accuracy.

Each is a test by betting over all products that both models scored (the latency's over those it
answered itself), so it may be looked at any time and has its own share of the error budget. Each
needs more than a significant difference: a limit that was agreed on must be passed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import logsumexp

from ml.domain.comparisons import ClassTally, ShadowTally
from ml.stats.sequential import beta_prior, log_e_value

_BETS = beta_prior(1, 3)
SLOW_SHARE = 0.05  # beyond the 95th percentile


@dataclass(frozen=True, kw_only=True)
class GuardrailPolicy:
    """Limits of the candidate beside the baseline, and `alpha`, the error budget of each.

    `max_failure_rise` and `max_unsure_rise` are absolute, in shares of the products; a category
    whose share of the answers is under `min_class_share` of the baseline's has collapsed;
    `max_p95_ms` is for the 95th percentile of its answers.
    """

    alpha: float
    max_failure_rise: float
    max_unsure_rise: float
    min_class_share: float
    max_p95_ms: float


@dataclass(frozen=True)
class Breach:
    """A guardrail that was broken, with its reason and numbers."""

    reason: str
    numbers: Mapping[str, float]


def breaches(tally: ShadowTally, policy: GuardrailPolicy) -> list[Breach]:
    """The guardrails that the scored products show to be broken."""
    return [
        *_failing(tally, policy),
        *_slow(tally, policy),
        *_unsure(tally, policy),
        *_collapsed(tally, policy),
    ]


def _failing(tally: ShadowTally, policy: GuardrailPolicy) -> Iterator[Breach]:
    more, fewer = tally.candidate_only_failed, tally.baseline_only_failed
    limit = policy.max_failure_rise
    if _rises(more, fewer, tally.products, limit, policy.alpha):
        rise = (more - fewer) / tally.products
        reason = f"it can't answer {rise:.1%} more of the products (allowed {limit:.1%})"
        yield Breach(reason, {"failure_rise": rise})


def _unsure(tally: ShadowTally, policy: GuardrailPolicy) -> Iterator[Breach]:
    more, fewer = tally.candidate_only_unsure, tally.baseline_only_unsure
    limit = policy.max_unsure_rise
    if _rises(more, fewer, tally.products, limit, policy.alpha):
        rise = (more - fewer) / tally.products
        reason = f"it is unsure of {rise:.1%} more of the products (allowed {limit:.1%})"
        yield Breach(reason, {"unsure_rise": rise})


def _rises(more: int, fewer: int, products: int, limit: float, alpha: float) -> bool:
    """Whether a share rises by more than the limit, from products where only one model was so."""
    values = (np.array([1.0, -1.0, 0.0]) - limit) / (1.0 + limit)
    counts = np.array([more, fewer, products - more - fewer])
    return bool(log_e_value(values, counts, _BETS) >= log(1.0 / alpha))


def _slow(tally: ShadowTally, policy: GuardrailPolicy) -> Iterator[Breach]:
    """On a machine that is slow for both, the candidate is not to blame.

    Nor is it where the baseline was never timed, as in a watch: it may be the machine.
    """
    if tally.baseline_slow >= SLOW_SHARE * tally.baseline_timed:
        return
    values = np.array([1.0 - SLOW_SHARE, -SLOW_SHARE]) / SLOW_SHARE
    counts = np.array([tally.candidate_slow, tally.candidate_timed - tally.candidate_slow])
    if log_e_value(values, counts, _BETS) >= log(1.0 / policy.alpha):
        share = tally.candidate_slow / tally.candidate_timed
        reason = f"{share:.1%} of its answers take more than {policy.max_p95_ms:.0f} ms"
        yield Breach(f"{reason} (allowed {SLOW_SHARE:.0%})", {"slow_share": share})


def _collapsed(tally: ShadowTally, policy: GuardrailPolicy) -> Iterator[Breach]:
    """The mean of the categories' e-values is one of "no category collapsed"."""
    if not tally.classes:
        return
    log_e = {name: _collapse(each, tally.products, policy) for name, each in tally.classes.items()}
    if logsumexp(list(log_e.values())) - log(len(log_e)) >= log(1.0 / policy.alpha):
        worst = max(log_e, key=lambda name: log_e[name])
        counts = tally.classes[worst]
        ours = counts.both + counts.candidate_only
        theirs = counts.both + counts.baseline_only
        yield Breach(
            f"it names {worst!r} {ours} times, the baseline {theirs} times",
            {"collapsed_candidate": ours, "collapsed_baseline": theirs},
        )


def _collapse(counts: ClassTally, products: int, policy: GuardrailPolicy) -> float:
    """Evidence against "it names the category at least `min_class_share` times as often"."""
    share = policy.min_class_share
    values = np.array([share - 1.0, share, -1.0, 0.0])
    named = (counts.both, counts.baseline_only, counts.candidate_only)
    return float(log_e_value(values, np.array([*named, products - sum(named)]), _BETS))
