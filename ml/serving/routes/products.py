"""Products in, categories out."""

from fastapi import APIRouter

from ml.domain.predictions import Prediction
from ml.serving.answered import Answered
from ml.serving.guard import GuardedRoute, documented_key
from ml.serving.predict import top_classes
from ml.serving.routes import Shared
from ml.serving.schemas import (
    BatchAnswer,
    BatchRequest,
    Classification,
    ClassifyRequest,
    ClassProbability,
    ErrorAnswer,
)

router = APIRouter(
    prefix="/v1",
    tags=["products"],
    route_class=GuardedRoute,
    dependencies=[documented_key],
    responses={
        401: {"model": ErrorAnswer, "description": "no API key, or a wrong one"},
        403: {"model": ErrorAnswer, "description": "a reviewer's key"},
        413: {"model": ErrorAnswer, "description": "the request is too large"},
        415: {"model": ErrorAnswer, "description": "not JSON"},
        422: {
            "model": ErrorAnswer,
            "description": "a field can't be accepted, and which",
        },
        503: {
            "model": ErrorAnswer,
            "description": "no model yet, no room for the log, or too busy",
        },
    },
)


@router.post("/classify", summary="Classify one product")
async def classify(request: ClassifyRequest, shared: Shared) -> Classification:
    """Answer one product from its text, its picture, or both.

    The prediction is logged before the answer is sent. Repeat a request whose answer was lost with
    the same `request_id`, and it is logged once (once for each version that answered).
    """

    def work() -> Classification:
        (answered,) = shared.predictor.answer([shared.inputs.read(request)])
        return _told(answered, shared)

    return await shared.threads.run(work)


@router.post("/classify/batch", summary="Classify several products")
async def classify_batch(request: BatchRequest, shared: Shared) -> BatchAnswer:
    """Answer products in their order; one bad product refuses the batch.

    While a challenger is on trial it answers its share of them; each answer names its arm.
    """

    def work() -> BatchAnswer:
        answered = shared.predictor.answer(shared.inputs.read_batch(request.products))
        return BatchAnswer(predictions=[_told(each, shared) for each in answered])

    return await shared.threads.run(work)


def _told(answered: Answered, shared: Shared) -> Classification:
    prediction = answered.prediction
    return Classification(
        prediction_id=prediction.prediction_id,
        product_id=prediction.product.product_id,
        category=prediction.category,
        confidence=prediction.confidence,
        top5=top5(prediction, answered.classes),
        needs_review=prediction.confidence < shared.settings.confidence_threshold,
        model_version=prediction.model_version,
        arm=prediction.arm.value,
        experiment=prediction.experiment,
        label_space_version=prediction.label_space_version,
    )


def top5(prediction: Prediction, classes: tuple[str, ...]) -> list[ClassProbability]:
    """The likeliest categories of a prediction."""
    return [
        ClassProbability(category=category, probability=probability)
        for category, probability in top_classes(prediction.probabilities, classes)
    ]
