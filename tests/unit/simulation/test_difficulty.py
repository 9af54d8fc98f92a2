"""How hard the marketplace is: what a model can learn from its text, and from its pictures."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from ml.models.cleaning import product_text
from ml.models.pictures import decode_picture
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace

pytestmark = pytest.mark.slow


def split(items: list[SimulatedProduct]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """70 / 30, equal titles on one side."""
    groups = [item.title.lower() for item in items]
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    train, test = next(splitter.split(groups, groups, groups))
    return train, test


def text_f1(items: list[SimulatedProduct]) -> float:
    texts = np.array([product_text(item.title, item.description) for item in items])
    truth = np.array([item.category for item in items])
    train, test = split(items)
    words = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, max_df=0.9, sublinear_tf=True, strip_accents="unicode"
    )
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    model = make_pipeline(make_union(words, characters), LinearSVC(C=0.5, class_weight="balanced"))
    model.fit(texts[train], truth[train])
    return float(f1_score(truth[test], model.predict(texts[test]), average="weighted"))


def picture_f1(items: list[SimulatedProduct]) -> float:
    """A modest baseline: small pictures and colour histograms, PCA, logistic regression."""
    rows = []
    for item in items:
        assert item.picture is not None
        pixels = decode_picture(item.picture, 64, max_pixels=10**6)
        small = pixels.reshape(16, 4, 16, 4, 3).mean((1, 3)).ravel() / 255
        counts, _ = np.histogramdd(pixels.reshape(-1, 3), bins=6, range=((0, 256),) * 3)
        rows.append(np.concatenate([small, np.sqrt(counts.ravel()) / 20]))
    features, truth = np.array(rows), np.array([item.category for item in items])
    train, test = split(items)
    model = make_pipeline(PCA(100, random_state=0), LogisticRegression(max_iter=500))
    model.fit(features[train], truth[train])
    return float(f1_score(truth[test], model.predict(features[test]), average="weighted"))


@pytest.mark.parametrize("seed", [1, 2, 3, 7, 42])
def test_text_alone_scores_between_80_and_90(seed: int) -> None:
    assert 0.80 <= text_f1(list(Marketplace(seed=seed, camera=None).products(3_000))) <= 0.90


@pytest.mark.parametrize("count", [2_000, 6_000])
def test_it_does_so_for_smaller_and_larger_marketplaces(count: int) -> None:
    assert 0.80 <= text_f1(list(Marketplace(seed=42, camera=None).products(count))) <= 0.90


def test_pictures_tell_something_and_less_than_the_text() -> None:
    f1 = picture_f1(list(Marketplace(seed=42).products(2_000)))
    assert 0.35 <= f1 <= 0.65
