"""The weighted share against what it estimates, and its error against the spread it claims."""

import numpy as np
import pytest

from ml.stats.proportion import weighted_share


def test_equal_chances_give_the_plain_share() -> None:
    hits = np.arange(400) < 320
    share = weighted_share(hits, np.full(400, 0.25))
    assert share.value == pytest.approx(0.8)
    assert share.standard_error == pytest.approx(0.02, rel=0.02)
    assert share.effective_labels == pytest.approx(share.labels)


def test_the_error_is_the_spread_over_many_selections() -> None:
    # 10,000 products: the 2,000 hard ones are right half of the time and reviewed at 20 %, the
    # easy ones are right at 95 % and audited at 4 %.
    rng = np.random.default_rng(5)
    chances = np.where(np.arange(10_000) < 2_000, 0.2, 0.04)
    truth = np.where(chances > 0.1, 0.5, 0.95)
    shares = []
    for _ in range(400):
        chosen = rng.random(10_000) < chances
        hits = rng.random(10_000) < truth
        shares.append(weighted_share(hits[chosen], chances[chosen]))
    values = np.array([share.value for share in shares])
    errors = np.array([share.standard_error for share in shares])
    assert values.mean() == pytest.approx(0.86, abs=0.003)
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)
    assert shares[0].effective_labels < shares[0].labels


@pytest.mark.parametrize("hits", [np.zeros(50, bool), np.ones(50, bool)])
def test_labels_that_all_agree_still_have_an_error(hits: np.ndarray) -> None:
    assert 0.01 < weighted_share(hits, np.ones(50)).standard_error < 0.05


def test_no_labels_say_nothing() -> None:
    share = weighted_share(np.array([], bool), np.array([]))
    assert (share.value, share.labels, share.effective_labels) == (0.0, 0, 0.0)


def test_an_impossible_selection_is_refused() -> None:
    with pytest.raises(ValueError, match="inclusion probabilities"):
        weighted_share(np.ones(1, bool), np.zeros(1))
