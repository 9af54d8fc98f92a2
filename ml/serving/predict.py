"""From checked products to logged predictions: choose the arm, predict, draw for review, record."""

import uuid
from collections.abc import Sequence

import numpy as np

from ml.domain.digests import digest_of
from ml.domain.errors import ServiceUnavailable
from ml.domain.ports import PredictionCache
from ml.domain.predictions import Prediction
from ml.rollout.selection import SelectionPolicy, plan_selection, select_for_review
from ml.serving.answered import Answered
from ml.serving.errors import Refused
from ml.serving.inputs import Item
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore
from ml.serving.readings import Read, Reading, read_through
from ml.serving.served import Model, ServedRollout
from ml.serving.shadow import ShadowScorer
from ml.serving.spool import Spool
from ml.wiring.config import Settings

NO_CHAMPION = "no model serves yet: import a catalogue and run the DAG retrain_monthly"


class Predictor:
    """Answers products as the rollout says; an answer it returns is in the spool."""

    def __init__(
        self,
        models: ModelStore,
        cache: PredictionCache,
        spool: Spool,
        shadow: ShadowScorer,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._models = models
        self._cache = cache
        self._spool = spool
        self._shadow = shadow
        self._metrics = metrics
        self._settings = settings

    def answer(self, items: Sequence[Item]) -> list[Answered]:
        """Predict, draw for review and log, all by one state of the rollout, all or nothing.

        What a comparison's other model says of them is found out later, in the background. Raises
        ServiceUnavailable without a champion or when the log can't be written, Refused for a
        product that its model can't read, nor the other one of a trial.
        """
        served = self._models.current()
        if served is None:
            raise ServiceUnavailable(NO_CHAMPION)
        reads = self._reads(served, items)
        answered = [
            self._answered(served, item, *each) for item, each in zip(items, reads, strict=True)
        ]
        self._spool.append(
            [each.prediction for each in answered],
            {
                item.product.picture: item.picture
                for item in items
                if item.unkept and item.product.picture and item.picture is not None
            },
        )
        self._shadow.offer(served, answered)
        self._count(answered)
        return answered

    def _reads(
        self, served: ServedRollout, items: Sequence[Item]
    ) -> list[tuple[Model, Reading, float | None]]:
        """Who answers each item, with what, and how many milliseconds that took.

        An item that its arm's model can't read, or breaks at, goes to the trial's other one.
        """
        models = [served.model_for(item.product.product_id) for item in items]
        reads = self._read(models, items)
        unread = [i for i, read in enumerate(reads) if read.reading is None]
        if unread and served.trial:
            others = [served.other_for(models[i]) or models[i] for i in unread]
            again = self._read(others, [items[i] for i in unread])
            for i, model, read in zip(unread, others, again, strict=True):
                models[i], reads[i] = model, read
        return [
            (model, _readable(i, model, read, items), read.milliseconds)
            for i, (model, read) in enumerate(zip(models, reads, strict=True))
        ]

    def _read(self, models: Sequence[Model], items: Sequence[Item]) -> list[Read]:
        reads = read_through(self._cache, models, items)
        misses = sum(read.milliseconds is not None for read in reads)
        self._metrics.cached(hits=len(reads) - misses, misses=misses)
        return reads

    def _answered(
        self,
        served: ServedRollout,
        item: Item,
        model: Model,
        reading: Reading,
        milliseconds: float | None,
    ) -> Answered:
        policy = self._policy(served, model)
        probabilities = reading.distribution()
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        prediction_id = _prediction_id(model, item)
        space = model.bundle.label_space
        prediction = Prediction(
            prediction_id=prediction_id,
            product=item.product,
            model_version=model.version.model_version,
            arm=model.arm,
            label_space_version=space.version,
            probabilities=tuple(probabilities.tolist()),
            category=space.classes[best],
            confidence=confidence,
            predicted_at=item.at,
            selections=select_for_review(prediction_id, item.product, confidence, policy),
            experiment=served.trial.experiment if served.trial else None,
            signals=reading.signals,
        )
        return Answered(prediction, item, model, policy, milliseconds)

    def _policy(self, served: ServedRollout, model: Model) -> SelectionPolicy:
        settings = self._settings
        compares = served.comparison is not None and served.comparison.terms.shadow_share > 0
        return plan_selection(
            confidence_threshold=settings.confidence_threshold,
            capacity_per_day=settings.review_capacity_per_day,
            products_per_day=settings.products_per_day,
            low_confidence_share=model.bundle.info.low_confidence_share,
            audit_share=settings.audit_share,
            disagreements_per_day=settings.disagreement_capacity_per_day if compares else 0.0,
            second_review_share=settings.second_review_share,
            seed=settings.selection_seed,
        )

    def _count(self, answered: Sequence[Answered]) -> None:
        for each in answered:
            prediction, category = each.prediction, each.prediction.category
            self._metrics.predicted(
                prediction.model_version,
                prediction.arm,
                category,
                each.classes.index(category),
            )
            if prediction.confidence < self._settings.confidence_threshold:
                self._metrics.low_confidence.inc()
            for selection in prediction.selections:
                self._metrics.selected(selection.reason)


def _readable(place: int, model: Model, read: Read, items: Sequence[Item]) -> Reading:
    if read.reading is not None:
        return read.reading
    if read.fault is not None:
        raise read.fault
    raise Refused(
        422,
        "the model finds nothing it can read in the product",
        field=f"products.{place}" if len(items) > 1 else "title",
        remedy="send a title or description with words"
        + (", or a picture" if model.bundle.image else ": this model reads text only"),
    )


def _prediction_id(model: Model, item: Item) -> str:
    """Random, or the same for a request that is repeated: then the log keeps it once.

    The product is part of it, so that a request id used twice by mistake loses no prediction. So is
    the version: another one that came in between answers anew, and the log has both answers.
    """
    if item.request_id is None:
        return uuid.uuid4().hex
    product = item.product
    version = model.version.model_version
    return digest_of(item.request_id, product.product_id, product.digest, version)[:32]


def top_classes(
    probabilities: Sequence[float], classes: Sequence[str], count: int = 5
) -> list[tuple[str, float]]:
    """The likeliest categories with their probabilities, best first.

    >>> top_classes([0.1, 0.7, 0.2], ["a", "b", "c"], count=2)
    [('b', 0.7), ('c', 0.2)]
    """
    order = np.argsort(-np.asarray(probabilities), kind="stable")[:count]
    return [(classes[i], float(probabilities[i])) for i in order]
