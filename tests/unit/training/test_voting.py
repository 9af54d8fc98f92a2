import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.models.heads import DenseHead
from ml.models.image import Source
from ml.models.voting import soft_vote
from ml.stats.calibration import log_loss
from ml.training.voting import Candidate, choose_vote, elect, mixture_weights

CLASSES = 4


def guesses(targets: np.ndarray, skill: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities that favour the truth the more the greater the skill."""
    logits = rng.normal(size=(len(targets), CLASSES))
    logits[np.arange(len(targets)), targets] += skill
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@given(st.integers(0, 1000), st.lists(st.floats(0, 4), min_size=1, max_size=3))
def test_the_vote_is_at_least_as_good_as_every_member(seed, skills):
    rng = np.random.default_rng(seed)
    targets, row_weights = rng.integers(0, CLASSES, 60), rng.uniform(1, 5, 60)
    members = [guesses(targets, skill, rng) for skill in skills]
    weights, exponents = choose_vote(members, targets, row_weights)
    assert abs(sum(weights) - 1) < 1e-9
    vote = soft_vote(members, weights, exponents)
    best = min(log_loss(member, targets, row_weights) for member in members)
    # Setting small weights to zero may cost a little.
    assert log_loss(vote, targets, row_weights) <= best + 0.02


def test_members_that_complement_each_other_share_the_vote():
    rng = np.random.default_rng(1)
    targets = rng.integers(0, CLASSES, 400)
    members = [guesses(targets, 2, rng) for _ in range(2)]
    weights, _ = choose_vote(members, targets, np.ones(400))
    assert min(weights) > 0.25


def test_a_member_that_knows_nothing_gets_no_weight():
    rng = np.random.default_rng(2)
    targets = rng.integers(0, CLASSES, 400)
    members = [guesses(targets, 3, rng), guesses(targets, -2, rng)]
    weights, _ = choose_vote(members, targets, np.ones(400))
    assert weights == (1.0, 0.0)


def test_an_underconfident_member_is_sharpened():
    rng = np.random.default_rng(3)
    targets = rng.integers(0, CLASSES, 400)
    timid = guesses(targets, 4, rng) ** 0.2
    _, exponents = choose_vote([timid / timid.sum(axis=1, keepdims=True)], targets, np.ones(400))
    assert exponents == (3.0,)


def test_rows_count_for_their_weights():
    hits = np.array([[0.9, 0.1], [0.1, 0.9]])
    for heavy in (0, 1):
        row_weights = np.array([1.0, 1.0])
        row_weights[heavy] = 50
        assert mixture_weights(hits, row_weights).argmax() == heavy


def test_only_elected_members_are_kept_but_all_are_reported():
    rng = np.random.default_rng(4)
    targets = rng.integers(0, CLASSES, 300)
    candidates = [
        Candidate(name, Source.FROZEN, DenseHead(()), guesses(targets, skill, rng))
        for name, skill in (("good", 3.0), ("bad", -2.0))
    ]
    members, report = elect(candidates, targets, np.ones(300))
    assert [member.name for member in members] == ["good"]
    assert report["weighted_f1_good"] == report["weighted_f1_vote"] > 0.8
    assert report["weighted_f1_bad"] < 0.3
    assert report["vote_weight_bad"] == 0
