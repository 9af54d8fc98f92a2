"""Train the text model: TF-IDF of words and characters, LinearSVC, temperature."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.text import TermBlock, TextModel, character_vectorizer, word_vectorizer
from ml.stats.calibration import fit_temperature
from ml.training.rows import class_indices, product_texts, row_weights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_WORD_TERMS = 120_000
MAX_CHARACTER_TERMS = 160_000
# Inverse strength of the regularisation; 0.1, 1 and 2 were 1 to 4 points worse on 85k products.
SVM_C = 0.5
# Under this many texts a term seen only once may be all there is to learn from.
MIN_TEXTS_FOR_PRUNING = 50
PRUNED = {"min_df": 2, "max_df": 0.9}
UNPRUNED = {"min_df": 1, "max_df": 1.0}

FittedTerms = tuple[TfidfVectorizer, csr_matrix]


def train_text(
    train: pa.Table, validation: pa.Table, *, label_space: LabelSpace, seed: int
) -> TextModel:
    """Fit on the training rows and calibrate on the validation rows (both snapshot columns).

    The same rows (in any order) and seed give the same model, bit for bit. Rows without text are
    left out. With one class only, or without a single term, the model answers with the classes'
    shares; without usable validation rows its temperature is 1. Raises InvalidInput when there is
    no training row.
    """
    if train.num_rows == 0:
        raise InvalidInput("no training rows; import a larger catalogue or post more labels")
    train = train.sort_by("product_id")
    texts, targets = product_texts(train), class_indices(train, label_space)
    filled = np.array([bool(text) for text in texts])
    if filled.any():
        texts, targets = [text for text in texts if text], targets[filled]
    model = _fit(texts, targets, label_space, seed)
    return _calibrate(model, validation.sort_by("product_id"))


def _fit(texts: list[str], targets: IntArray, label_space: LabelSpace, seed: int) -> TextModel:
    words = _fit_terms(word_vectorizer, texts, MAX_WORD_TERMS)
    characters = _fit_terms(character_vectorizer, texts, MAX_CHARACTER_TERMS)
    blocks = [fitted[1] for fitted in (words, characters) if fitted]
    seen = np.unique(targets)
    if blocks and len(seen) > 1:
        coefficients, intercept = _fit_svm(hstack(blocks, format="csr"), targets, seed)
    else:
        shares = np.bincount(targets)[seen] / len(targets)
        width = sum(block.shape[1] for block in blocks)
        coefficients, intercept = np.zeros((width, len(seen))), np.log(shares)
    split = words[1].shape[1] if words else 0
    return TextModel(
        label_space=label_space,
        classes=tuple(label_space.classes[i] for i in seen),
        words=_block("words", words, coefficients[:split]),
        characters=_block("characters", characters, coefficients[split:]),
        intercept=intercept.astype(np.float32),
        temperature=1.0,
    )


def _fit_terms(
    make: Callable[..., TfidfVectorizer], texts: Sequence[str], max_terms: int
) -> FittedTerms | None:
    """Vocabulary and vectors, without rare and ubiquitous terms unless nothing else is there."""
    prunings = [PRUNED, UNPRUNED] if len(texts) >= MIN_TEXTS_FOR_PRUNING else [UNPRUNED]
    for pruning in prunings:
        vectorizer = make(max_features=max_terms, **pruning)
        try:
            return vectorizer, vectorizer.fit_transform(texts)
        except ValueError:  # scikit-learn's way to say that no term is left
            continue
    return None


def _fit_svm(vectors: csr_matrix, targets: IntArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """One-against-rest coefficients [F, S] and intercepts [S] of the S classes in `targets`."""
    svm = LinearSVC(C=SVM_C, random_state=seed)
    with warnings.catch_warnings():
        # The iteration cap bounds the time; the last digits of the margin don't move the answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        svm.fit(vectors, targets)
    if len(svm.classes_) == 2:  # one line of scores, for the second class
        return np.vstack([-svm.coef_, svm.coef_]).T, np.hstack([-svm.intercept_, svm.intercept_])
    return svm.coef_.T, svm.intercept_


def _block(kind: str, fitted: FittedTerms | None, coefficients: FloatArray) -> TermBlock:
    terms = fitted[0].get_feature_names_out().tolist() if fitted else []
    idf = fitted[0].idf_ if fitted else np.zeros(0)
    return TermBlock(
        kind,
        tuple(terms),
        np.ascontiguousarray(idf, dtype=np.float32),
        np.ascontiguousarray(coefficients, dtype=np.float32),
    )


def _calibrate(model: TextModel, validation: pa.Table) -> TextModel:
    probabilities = model.predict_proba(
        validation["title"].to_pylist(), validation["description"].to_pylist()
    )
    usable = ~np.isnan(probabilities[:, 0])
    temperature = fit_temperature(
        probabilities[usable],
        class_indices(validation, model.label_space)[usable],
        row_weights(validation)[usable],
    )
    return replace(model, temperature=temperature)
