"""For operators and Prometheus: who serves, how the worker is, what it counted. No key needed."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ml.domain.rollouts import Challenger, Comparison
from ml.serving.errors import Refused
from ml.serving.predict import NO_CHAMPION
from ml.serving.routes import Shared
from ml.serving.schemas import (
    ChallengerDescription,
    ComparisonDescription,
    ErrorAnswer,
    Health,
    ModelDescription,
    Readiness,
)
from ml.serving.served import ServedRollout

router = APIRouter(tags=["operations"])
_NOT_READY: dict[int | str, dict[str, object]] = {
    503: {"model": ErrorAnswer, "description": "no model is loaded"}
}


@router.get("/healthz", summary="Is the process alive?")
async def health() -> Health:
    """Answers as long as the event loop turns, whatever else is away."""
    return Health(status="alive")


@router.get("/readyz", summary="Is a model loaded?", responses=_NOT_READY)
async def ready(shared: Shared) -> Readiness:
    """Ready with a model, even an older one; `problem` then says what keeps the newer one away."""
    served = _served(shared)
    return Readiness(
        status="ready",
        model_version=served.champion.version.model_version,
        problem=shared.models.problem,
    )


@router.get("/v1/model", summary="Who serves?", responses=_NOT_READY)
async def model(shared: Shared) -> ModelDescription:
    """The models of this worker: the champion, a challenger on trial, and what is compared."""
    served = _served(shared)
    champion, bundle = served.champion.version, served.champion.bundle
    return ModelDescription(
        model_version=champion.model_version,
        since=champion.since,
        label_space_version=bundle.label_space.version,
        classes=list(bundle.label_space.classes),
        confidence_threshold=shared.settings.confidence_threshold,
        snapshot_digest=bundle.info.snapshot_digest,
        trained_as_of=bundle.info.as_of,
        bundle_digest=champion.bundle_digest,
        reads_pictures=bundle.image is not None,
        challenger=_on_trial(served.trial),
        comparison=_compared(served.comparison.terms) if served.comparison else None,
    )


def _on_trial(challenger: Challenger | None) -> ChallengerDescription | None:
    if challenger is None:
        return None
    return ChallengerDescription(
        model_version=challenger.model_version,
        since=challenger.since,
        share=challenger.share,
        experiment=challenger.experiment,
        label_space_version=challenger.label_space_version,
        bundle_digest=challenger.bundle_digest,
    )


def _compared(terms: Comparison) -> ComparisonDescription:
    return ComparisonDescription(
        kind=terms.kind.value,
        experiment=terms.experiment,
        candidate_version=terms.candidate.model_version,
        baseline_version=terms.baseline.model_version,
        since=terms.since,
        shadow_share=terms.shadow_share,
        label_probability=terms.label_probability,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(shared: Shared) -> Response:
    """The numbers of all workers of this server, in Prometheus' text format."""
    return Response(shared.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _served(shared: Shared) -> ServedRollout:
    served = shared.models.current()
    if served is None:
        problem = shared.models.problem
        raise Refused(
            503,
            problem or NO_CHAMPION,
            remedy="see `regain status` and the serving log" if problem else None,
            headers={"Retry-After": "5"},
        )
    return served
