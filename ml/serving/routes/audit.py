"""For auditors: any logged prediction, and every decision about who serves.

Closed to reviewers: a prediction tells the model's answer.
"""

from fastapi import APIRouter

from ml.domain.decisions import LedgerEntry
from ml.serving.audit_schemas import PredictionAudit, RolloutDecision, RolloutHistory, Selection
from ml.serving.guard import GuardedRoute, documented_key
from ml.serving.routes import Shared
from ml.serving.routes.products import top5
from ml.serving.routes.reviews import UNKNOWN, image_url, logged
from ml.serving.schemas import ErrorAnswer

router = APIRouter(
    prefix="/v1",
    tags=["audit"],
    route_class=GuardedRoute,
    dependencies=[documented_key],
    responses={
        401: {"model": ErrorAnswer, "description": "no API key, or a wrong one"},
        403: {"model": ErrorAnswer, "description": "a reviewer's key"},
        422: {"model": ErrorAnswer, "description": "a field can't be accepted, and which"},
        503: {"model": ErrorAnswer, "description": "PostgreSQL is away"},
    },
)


@router.get("/predictions/{prediction_id}", summary="Audit a prediction", responses=UNKNOWN)
def prediction(prediction_id: str, shared: Shared) -> PredictionAudit:
    """One logged prediction: what the model saw and said, which version, who was to check it."""
    found = logged(shared, prediction_id)
    space = shared.services.label_spaces.get(found.label_space_version)
    return PredictionAudit(
        prediction_id=found.prediction_id,
        predicted_at=found.predicted_at,
        product_id=found.product.product_id,
        product_digest=found.product.digest,
        title=found.product.title,
        description=found.product.description,
        image_url=image_url(found.product),
        listed_at=found.product.listed_at,
        category=found.category,
        confidence=found.confidence,
        top5=top5(found, space.classes),
        model_version=found.model_version,
        arm=found.arm.value,
        experiment=found.experiment,
        label_space_version=found.label_space_version,
        signals=dict(found.signals),
        selections=[
            Selection(
                reason=each.reason.value,
                probability=each.probability,
                inclusion_probability=each.inclusion_probability,
            )
            for each in found.selections
        ],
    )


@router.get("/rollout", summary="Who served, when and why")
def rollout(shared: Shared) -> RolloutHistory:
    """Every decision of the rollout ledger with its reason and numbers, oldest first."""
    return RolloutHistory(entries=[_decided(entry) for entry in shared.services.ledger.history()])


def _decided(entry: LedgerEntry) -> RolloutDecision:
    change = entry.change
    return RolloutDecision(
        entry_id=entry.entry_id,
        decision=change.action.value,
        model_version=change.model_version,
        share=change.share,
        reason=change.reason,
        numbers=dict(change.evidence),
        actor=change.actor,
        at=change.at,
        recorded_at=entry.recorded_at,
        bundle_digest=change.bundle_digest,
        label_space_version=change.label_space_version,
    )
