"""Who votes in the image model, with which weight and exponent, chosen on validation rows."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.models.heads import Head
from ml.models.image import Member, Source
from ml.models.voting import sharpen, soft_vote
from ml.stats.weighting import confusion_matrix, weighted_f1
from ml.training.rows import FloatArray, IntArray

EXPONENTS = (1.0, 2.0, 3.0)
LEAST_WEIGHT = 0.03
"""A member that would get less is left out: it costs time and space and changes no answer."""

_STEPS = 200
_FLOOR = 1e-12


@dataclass(frozen=True)
class Candidate:
    """Who may vote, with its probabilities [n, k] on the validation rows."""

    name: str
    source: Source
    head: Head
    probabilities: FloatArray


def elect(
    candidates: Sequence[Candidate], targets: IntArray, row_weights: FloatArray
) -> tuple[tuple[Member, ...], dict[str, float]]:
    """The candidates that get a weight, and validation figures of all of them and of the vote."""
    votes = [candidate.probabilities for candidate in candidates]
    weights, exponents = choose_vote(votes, targets, row_weights)

    def f1(probabilities: FloatArray) -> float:
        answers, classes = probabilities.argmax(axis=1), probabilities.shape[1]
        return weighted_f1(confusion_matrix(targets, answers, row_weights, classes=classes))

    report = {"weighted_f1_vote": f1(soft_vote(votes, weights, exponents))}
    for candidate, weight in zip(candidates, weights, strict=True):
        report[f"weighted_f1_{candidate.name}"] = f1(candidate.probabilities)
        report[f"vote_weight_{candidate.name}"] = weight
    members = (
        Member(candidate.name, candidate.source, candidate.head, weight, exponent)
        for candidate, weight, exponent in zip(candidates, weights, exponents, strict=True)
        if weight > 0
    )
    return tuple(members), report


def choose_vote(
    members: Sequence[FloatArray], targets: IntArray, row_weights: FloatArray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Weights (0 allowed, sum 1) and exponents of the members with the least weighted log loss.

    `members` are probabilities [n, k] each; `targets` and `row_weights` [n]. All exponents are
    tried; for given ones the best weights are unique, so nothing depends on a seed. Log loss and
    not F1, because a few hundred rows decide F1 by chance.
    """
    rows = np.arange(len(targets))
    hits = [
        [np.maximum(sharpen(member, exponent)[rows, targets], _FLOOR) for exponent in EXPONENTS]
        for member in members
    ]
    best: tuple[float, tuple[float, ...], tuple[float, ...]] = (np.inf, (), ())
    for choice in itertools.product(range(len(EXPONENTS)), repeat=len(members)):
        chosen = np.stack([hit[i] for hit, i in zip(hits, choice, strict=True)], axis=1)
        weights = mixture_weights(chosen, row_weights)
        loss = float(-np.average(np.log(chosen @ weights), weights=row_weights))
        if loss < best[0]:
            best = (loss, tuple(weights.tolist()), tuple(EXPONENTS[i] for i in choice))
    return best[1], best[2]


def mixture_weights(hits: FloatArray, row_weights: FloatArray) -> FloatArray:
    """Weights [m] of a mixture with the greatest likelihood, small ones set to 0.

    `hits` [n, m] are the members' probabilities of what was true. Expectation maximisation:
    Dempster, Laird and Rubin, JRSS B 39 (1977); with fixed components the likelihood is concave in
    the weights.

    >>> mixture_weights(np.array([[0.9, 0.1], [0.8, 0.2]]), np.ones(2)).tolist()
    [1.0, 0.0]
    """
    shares = row_weights / row_weights.sum()
    weights: FloatArray = np.full(hits.shape[1], 1 / hits.shape[1])
    for _ in range(_STEPS):
        joint = hits * weights
        weights = shares @ (joint / joint.sum(axis=1, keepdims=True))
    # The largest always stays, so members are never all dropped.
    kept = np.where(weights >= min(LEAST_WEIGHT, weights.max()), weights, 0.0)
    scaled: FloatArray = kept / kept.sum()
    return scaled
