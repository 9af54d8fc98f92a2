"""The text model: TF-IDF of words and characters, one linear score a class, softmax.

Stored as JSON (terms, classes) and safetensors (float32 arrays), never as a pickle. A model is the
same object whether it was just trained or loaded: both are built from these arrays alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.cleaning import clean, product_text, strip_accents
from ml.stats.calibration import softmax

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

FORMAT = 1
MODEL_FILE = "text/model.json"
WEIGHTS_FILE = "text/weights.safetensors"


def word_vectorizer(**options: Any) -> TfidfVectorizer:
    """Words and pairs of words, accents stripped."""
    return TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        strip_accents=strip_accents,
        dtype=np.float32,
        **options,
    )


def character_vectorizer(**options: Any) -> TfidfVectorizer:
    """Three to five characters within a word: typos, references, compounds, any language."""
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float32, **options
    )


_VECTORIZERS = {"words": word_vectorizer, "characters": character_vectorizer}


@dataclass(frozen=True, eq=False)
class TermBlock:
    """One kind of terms (`words` or `characters`): F terms, their idf [F], coefficients [F, S]."""

    kind: str
    terms: tuple[str, ...]
    idf: Float32Array
    coefficients: Float32Array

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        vocabulary = {term: i for i, term in enumerate(self.terms)}
        vectorizer = _VECTORIZERS[self.kind](vocabulary=vocabulary)
        vectorizer.idf_ = self.idf
        return vectorizer

    @cached_property
    def _analysers(self) -> tuple[Callable[[str], str], Callable[[str], list[str]]]:
        return self._vectorizer.build_preprocessor(), self._vectorizer.build_tokenizer()

    def known_share(self, text: str) -> float | None:
        """Share in [0, 1] of a cleaned text's words that are terms; None without words."""
        prepare, split = self._analysers
        words = split(prepare(text))
        if not words:
            return None
        return sum(word in self._vectorizer.vocabulary for word in words) / len(words)

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """TF-IDF rows [n, F] of length 1 (0 for a text without a known term)."""
        if not self.terms:
            return csr_matrix((len(texts), 0), dtype=np.float32)
        return self._vectorizer.transform(texts)

    def scores(self, texts: Sequence[str]) -> Float32Array:
        """This block's part of the class scores, [n, S]."""
        scores: Float32Array = self.vectors(texts) @ self.coefficients
        return scores


@dataclass(frozen=True, eq=False)
class TextModel:
    """Class probabilities of product texts.

    `classes` are the S classes that had training rows, in label-space order; `intercept` is [S];
    `temperature` turns scores into calibrated probabilities.
    """

    label_space: LabelSpace
    classes: tuple[str, ...]
    words: TermBlock
    characters: TermBlock
    intercept: Float32Array
    temperature: float

    def predict_proba(self, titles: Sequence[str], descriptions: Sequence[str]) -> FloatArray:
        """Probabilities [n, K] in label-space order; a row of NaN where there is no text.

        Classes without training rows have probability 0. A row does not depend on its neighbours.
        """
        texts = [product_text(*pair) for pair in zip(titles, descriptions, strict=True)]
        filled = [i for i, text in enumerate(texts) if text]
        probabilities = np.full((len(texts), len(self.label_space)), np.nan)
        if not filled:
            return probabilities
        seen = [self.label_space.index(category) for category in self.classes]
        probabilities[filled] = 0.0
        scores = self.scores([texts[i] for i in filled])
        probabilities[np.ix_(filled, seen)] = softmax(scores, self.temperature)
        return probabilities

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Linear class scores [n, S] of cleaned texts (`product_text`)."""
        parts = self.words.scores(texts) + self.characters.scores(texts)
        return (parts + self.intercept).astype(np.float64)

    def known_word_share(self, text: str) -> float | None:
        """Share in [0, 1] of a text's words that the model learnt; None for one without words."""
        return self.words.known_share(clean(text))

    def to_files(self) -> dict[str, bytes]:
        """The model's files by name; the same model gives the same bytes."""
        model = {
            "format": FORMAT,
            "classes": self.classes,
            "temperature": self.temperature,
            "words": self.words.terms,
            "characters": self.characters.terms,
        }
        arrays = {
            "word_idf": self.words.idf,
            "word_coefficients": self.words.coefficients,
            "character_idf": self.characters.idf,
            "character_coefficients": self.characters.coefficients,
            "intercept": self.intercept,
        }
        return {
            # ASCII only: a term may hold a lone surrogate, which UTF-8 cannot write.
            MODEL_FILE: json.dumps(model, sort_keys=True, separators=(",", ":")).encode(),
            WEIGHTS_FILE: safetensors.numpy.save(
                {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            ),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], *, label_space: LabelSpace) -> "TextModel":
        """The model `to_files` wrote; raises InvalidInput for a missing file or a newer format."""
        for name in (MODEL_FILE, WEIGHTS_FILE):
            if name not in files:
                raise InvalidInput(f"the bundle lacks {name}; fetch it again or retrain")
        model = json.loads(files[MODEL_FILE])
        if model.get("format") != FORMAT:
            raise InvalidInput(
                f"{MODEL_FILE} has format {model.get('format')!r}, this program reads {FORMAT}; "
                "use the regain that wrote it or retrain"
            )
        arrays = safetensors.numpy.load(files[WEIGHTS_FILE])
        words, characters = (
            TermBlock(f"{kind}s", tuple(model[f"{kind}s"]), *_block_arrays(arrays, kind))
            for kind in ("word", "character")
        )
        return cls(
            label_space,
            tuple(model["classes"]),
            words,
            characters,
            arrays["intercept"],
            model["temperature"],
        )


def _block_arrays(
    arrays: Mapping[str, Float32Array], kind: str
) -> tuple[Float32Array, Float32Array]:
    return arrays[f"{kind}_idf"], arrays[f"{kind}_coefficients"]
