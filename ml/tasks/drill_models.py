"""The fire drill's recorded products, and the models made from the champion."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.domain.comparisons import ScoredAnswer
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import Champion
from ml.models.bundle import BundlePrediction, ModelBundle
from ml.models.files import bundle_prefix, load_files
from ml.tasks.dataset import Dataset, load_dataset, read_picture
from ml.training import known_bad
from ml.training.evaluate import LATENCY_CALLS, latencies_ms
from ml.training.rows import modality_probabilities, model_inputs
from ml.wiring.build import Services
from ml.wiring.config import Settings

FloatArray = NDArray[np.float64]

MIN_PRODUCTS = 100
TIMED_PRODUCTS = 3 * LATENCY_CALLS
SLOWER_THAN_ALLOWED = 1.1
MAX_SLOW_SECONDS = 2.0
"""A model that takes so long is slow, whatever the settings allow; it bounds the drill's time."""


@dataclass(frozen=True, eq=False)
class Answers:
    """A model's answers to the drill's n products, and the milliseconds of the first few."""

    bundle: ModelBundle
    prediction: BundlePrediction
    milliseconds: list[float]

    @property
    def confidences(self) -> FloatArray:
        """[n]"""
        return np.asarray(self.prediction.probabilities.max(axis=1))

    @cached_property
    def scored(self) -> list[ScoredAnswer]:
        """The same as a shadow log has them."""
        classes = self.bundle.label_space.classes
        best = self.prediction.probabilities.argmax(axis=1)
        timed = [*self.milliseconds, *[None] * (len(best) - len(self.milliseconds))]
        return [
            ScoredAnswer(classes[index], confidence, milliseconds)
            for index, confidence, milliseconds in zip(
                best.tolist(), self.confidences.tolist(), timed, strict=True
            )
        ]


@dataclass(frozen=True, eq=False)
class DrillGround:
    """Test rows (snapshot columns) that the champion can read, in random order.

    `text` and `image` are what its modalities say of them, [n, K]. `clock` gives seconds.
    """

    services: Services
    data: Dataset
    champion: ModelBundle
    rows: pa.Table
    text: FloatArray
    image: FloatArray
    clock: Callable[[], float]

    def answers(self, bundle: ModelBundle, *, timed: int = LATENCY_CALLS) -> Answers:
        """What a model made from the champion says; `timed` products it answers one by one."""
        text = self.text
        if bundle.text is not self.champion.text:
            columns = (self.rows[name].to_pylist() for name in ("title", "description"))
            text = bundle.text.predict_proba(*columns)
        first = self.rows.slice(0, timed)
        inputs = model_inputs(first, partial(read_picture, self.services))
        return Answers(
            bundle,
            bundle.fuse(text, self.image),
            latencies_ms(bundle, inputs, clock=self.clock, calls=timed),
        )


def drill_ground(
    services: Services, champion: Champion, *, clock: Callable[[], float]
) -> DrillGround:
    """The test part of the snapshot that the champion learnt from: it was measured there before.

    Raises InvalidInput when there are too few products, or too few categories, to tell models by.
    """
    settings = services.settings
    files = load_files(services.objects, bundle_prefix(champion.bundle_digest))
    bundle = ModelBundle.from_files(files, device=settings.device)
    data = load_dataset(services, bundle.info.snapshot_digest)
    order = np.random.default_rng(settings.seed).permutation(data.test.num_rows)
    rows = data.test.take(pa.array(order))
    text, image = modality_probabilities(
        bundle.text, bundle.image, rows, partial(read_picture, services)
    )
    readable = ~np.isnan(bundle.fuse(text, image).probabilities[:, 0])
    if readable.sum() < MIN_PRODUCTS or len(bundle.label_space) < 2:
        raise InvalidInput(
            f"not enough recorded products: {readable.sum()} of {MIN_PRODUCTS}, in "
            f"{len(bundle.label_space)} of 2 categories; label more, or promote a newer version"
        )
    return DrillGround(
        services,
        data,
        bundle,
        rows.filter(pa.array(readable)),
        text[readable],
        image[readable],
        clock,
    )


def drilled_models(
    ground: DrillGround, champion: Answers, *, sleep: Callable[[float], None]
) -> Iterator[tuple[str, ModelBundle]]:
    """The models of the matrix by name, each made when its turn has come."""
    good, data, settings = ground.champion, ground.data, ground.services.settings
    yield (
        "shuffled labels",
        known_bad.unlearnt(good, data.train, data.validation, seed=settings.seed),
    )
    yield "swapped label space", known_bad.swapped(good)
    best = champion.prediction.probabilities.argmax(axis=1)
    most_common = good.label_space.classes[int(np.bincount(best).argmax())]
    yield "erased class", known_bad.erased(good, most_common)
    yield "slow", known_bad.slow(good, seconds=_slow_seconds(settings), sleep=sleep)
    yield "overconfident", known_bad.overconfident(good)
    yield "champion itself", good


def _slow_seconds(settings: Settings) -> float:
    allowed = max(settings.gate_max_latency_ms, settings.guardrail_max_p95_ms) / 1000
    return min(SLOWER_THAN_ALLOWED * allowed, MAX_SLOW_SECONDS)
