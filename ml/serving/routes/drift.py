"""For auditors: what was compared for drift and what it showed.

The reports are open to all: they show sums over hundreds of products, and Airflow's pages link to
them.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ml.domain.drift import DriftCheck
from ml.domain.errors import NotFound
from ml.serving.audit_schemas import DriftCheckDescription, DriftChecks, DriftFinding, DriftWindow
from ml.serving.errors import Refused
from ml.serving.guard import GuardedRoute, documented_key
from ml.serving.routes import Shared
from ml.serving.routes.reviews import UNKNOWN
from ml.serving.schemas import ErrorAnswer

_MOST_CHECKS = 1_000
_FAILURES: dict[int | str, dict[str, object]] = {
    422: {"model": ErrorAnswer, "description": "a field can't be accepted, and which"},
    503: {"model": ErrorAnswer, "description": "PostgreSQL or the object store is away"},
}

router = APIRouter(
    prefix="/v1",
    tags=["audit"],
    route_class=GuardedRoute,
    dependencies=[documented_key],
    responses={
        401: {"model": ErrorAnswer, "description": "no API key, or a wrong one"},
        403: {"model": ErrorAnswer, "description": "a reviewer's key"},
        **_FAILURES,
    },
)
reports = APIRouter(prefix="/v1", tags=["audit"], responses=_FAILURES)


@router.get("/drift", summary="Drift checks")
def drift(
    shared: Shared,
    limit: Annotated[int, Query(ge=1, le=_MOST_CHECKS, description="most checks to tell")] = 20,
) -> DriftChecks:
    """The newest comparisons of what the champion is asked with what it was asked at first."""
    return DriftChecks(
        checks=[_checked(each) for each in shared.services.drift_log.recent(limit=limit)]
    )


@reports.get(
    "/drift/{check_id}/report",
    summary="A drift check's report",
    response_class=Response,
    responses={**UNKNOWN, 200: {"content": {"text/html": {}}, "description": "the page"}},
)
def drift_report(check_id: str, shared: Shared) -> Response:
    """The distributions that a check compared, as a page. No key needed."""
    services = shared.services
    try:
        page = services.objects.get(
            services.objects.key(services.drift_log.get(check_id).report_uri)
        )
    except NotFound:
        raise Refused(
            404,
            f"there is no report of a drift check {check_id[:100]!r}",
            field="check_id",
            remedy="take an id from /v1/drift",
        ) from None
    # Its scripts run, but as a stranger's: they reach neither this API nor a key entered in /docs.
    headers = {
        "Content-Security-Policy": "sandbox allow-scripts",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(page, media_type="text/html", headers=headers)


def _checked(check: DriftCheck) -> DriftCheckDescription:
    return DriftCheckDescription(
        check_id=check.check_id,
        model_version=check.model_version,
        as_of=check.as_of,
        drifted=any(finding.drifted for finding in check.findings),
        reference=DriftWindow(**vars(check.reference)),
        current=DriftWindow(**vars(check.current)),
        findings=[
            DriftFinding(
                monitor=finding.monitor.value,
                drifted=finding.drifted,
                reason=finding.reason,
                numbers=dict(finding.numbers),
            )
            for finding in check.findings
        ],
        report_url=f"/v1/drift/{check.check_id}/report",
    )
