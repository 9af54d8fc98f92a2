"""The divergence of chance against samples of one distribution."""

import numpy as np
import pytest
from scipy.stats import entropy

from ml.stats.divergence import chance_divergence


@pytest.mark.parametrize("products", [500, 2_000])
def test_samples_of_one_distribution_exceed_it_as_often_as_it_says(products: int) -> None:
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.full(27, 5.0))
    samples = rng.multinomial(products, shares, size=(2, 2_000)) + 1e-9
    divergences = entropy(samples[0], samples[1], axis=1)
    limit = chance_divergence(27, products, products, level=0.05)
    assert 0.02 < (divergences > limit).mean() < 0.08


def test_one_category_cannot_diverge() -> None:
    assert chance_divergence(1, 200, 200, level=0.001) == 0.0
