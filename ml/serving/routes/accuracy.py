"""For auditors: how often the answers were right, of all that was served."""

from typing import Annotated

from fastapi import APIRouter, Query

from ml.rollout.accuracy import EXPLANATION, measure_accuracy
from ml.serving.accuracy_schemas import Accuracy
from ml.serving.guard import GuardedRoute, documented_key
from ml.serving.routes import Shared
from ml.serving.routes.reviews import UNKNOWN
from ml.serving.schemas import ErrorAnswer, Time

router = APIRouter(
    prefix="/v1",
    tags=["audit"],
    route_class=GuardedRoute,
    dependencies=[documented_key],
    responses={
        **UNKNOWN,
        401: {"model": ErrorAnswer, "description": "no API key, or a wrong one"},
        403: {"model": ErrorAnswer, "description": "a reviewer's key"},
        422: {"model": ErrorAnswer, "description": "a field can't be accepted, and which"},
        503: {"model": ErrorAnswer, "description": "PostgreSQL is away"},
    },
)


@router.get("/accuracy", summary="Accuracy of what was served")
def accuracy(
    shared: Shared,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="default: the champion")
    ] = None,
    since: Annotated[Time | None, Query(description="answers from then on")] = None,
    until: Annotated[Time | None, Query(description="answers up to then")] = None,
) -> Accuracy:
    """The share of right answers, overall and by slices, with 95 % intervals.

    Each label weighs 1 / the probability with which its product was chosen for people, so that the
    figures speak of all products served; the naive ones, of the reviewed products alone, are beside
    them. A report reads all that the version answered in the span: seconds for millions.
    """
    services = shared.services
    report = measure_accuracy(
        services.ledger,
        services.windows,
        services.label_spaces,
        as_of=shared.clock(),
        version=version,
        since=since,
        until=until,
    )
    return Accuracy.model_validate({**vars(report), "explanation": EXPLANATION})
