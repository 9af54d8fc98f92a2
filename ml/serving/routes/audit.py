"""For auditors: any logged prediction, and every decision about who serves.

Closed to reviewers: a prediction tells the model's answer.
"""

from fastapi import APIRouter

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.decisions import LedgerEntry
from ml.domain.predictions import ReviewSelection
from ml.rollout.selection import inclusion_of
from ml.serving.audit_schemas import (
    PredictionAudit,
    RolloutDecision,
    RolloutHistory,
    Selection,
    ShadowAnswer,
    ShadowAudit,
)
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
    """One logged prediction: what the model saw and said, which version, who was to check it.

    During a comparison also what the other model said, once that is known.
    """
    found = logged(shared, prediction_id)
    score = shared.services.shadows.get(prediction_id)
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
        selections=[_drawn(each) for each in found.selections],
        inclusion_probability=inclusion_of(found, score) or None,
        shadow=_scored(score) if score else None,
    )


def _drawn(selection: ReviewSelection) -> Selection:
    return Selection(
        reason=selection.reason.value,
        probability=selection.probability,
        inclusion_probability=selection.inclusion_probability,
        reviews=selection.reviews,
    )


def _scored(score: ShadowScore) -> ShadowAudit:
    return ShadowAudit(
        experiment=score.experiment,
        scored_at=score.scored_at,
        candidate=_said(score.candidate),
        baseline=_said(score.baseline),
        differs=score.differs,
        label_probability=score.label_probability,
    )


def _said(answer: ScoredAnswer) -> ShadowAnswer:
    return ShadowAnswer(
        category=answer.category,
        confidence=answer.confidence,
        milliseconds=answer.milliseconds,
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
        shadow_share=change.shadow_share,
        label_probability=change.label_probability,
        reason=change.reason,
        numbers=dict(change.evidence),
        actor=change.actor,
        at=change.at,
        recorded_at=entry.recorded_at,
        bundle_digest=change.bundle_digest,
        label_space_version=change.label_space_version,
    )
