"""For reviewers: the next product, its picture, the label. Nothing tells what the model said."""

import difflib
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ml.domain.comparisons import ShadowScore
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import Label, LabelSource, LabelSpace, checked_category
from ml.domain.predictions import Prediction
from ml.domain.products import Product, picture_key
from ml.models.pictures import check_picture
from ml.rollout.selection import inclusion_of
from ml.serving.context import Context
from ml.serving.errors import Refused
from ml.serving.guard import ReviewerRoute, documented_key
from ml.serving.routes import Shared
from ml.serving.schemas import (
    ErrorAnswer,
    LabelReceipt,
    LabelRequest,
    Name,
    ReviewProduct,
)

LONGEST_REVIEW = timedelta(days=400)
"""How long after its prediction a label may be given: a year and a late month."""

router = APIRouter(
    prefix="/v1",
    tags=["reviews"],
    route_class=ReviewerRoute,
    dependencies=[documented_key],
    responses={
        401: {"model": ErrorAnswer, "description": "no API key, or a wrong one"},
        422: {
            "model": ErrorAnswer,
            "description": "a field can't be accepted, and which",
        },
        503: {"model": ErrorAnswer, "description": "PostgreSQL or the object store is away"},
    },
)
UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": ErrorAnswer, "description": "not there, or not yet"}
}


@router.get(
    "/review/next",
    summary="The next product to label",
    response_model=ReviewProduct,
    responses={204: {"description": "nothing waits for a reviewer"}},
)
def next_review(
    reviewer: Annotated[Name, Query(description="who asks", examples=["anna"])], shared: Shared
) -> ReviewProduct | Response:
    """Lease the oldest waiting product to this reviewer; nobody else gets it for a while."""
    item = shared.services.reviews.next(
        reviewer, lease_seconds=shared.settings.review_lease_seconds
    )
    if item is None:
        return Response(status_code=204)
    return ReviewProduct(
        prediction_id=item.prediction_id,
        product_id=item.product.product_id,
        title=item.product.title,
        description=item.product.description,
        image_url=image_url(item.product),
    )


@router.post(
    "/labels",
    summary="Label a product",
    status_code=201,
    responses={
        **UNKNOWN,
        200: {"model": LabelReceipt, "description": "the label was already there"},
        409: {"model": ErrorAnswer, "description": "the product was not chosen for review"},
    },
)
def add_label(request: LabelRequest, response: Response, shared: Shared) -> LabelReceipt:
    """Add a reviewer's label; nothing is ever overwritten, a correction is a further label."""
    prediction = logged(shared, request.prediction_id)
    score = shared.services.shadows.get(prediction.prediction_id)
    inclusion = _inclusion_probability(prediction, score)
    labelled_at = _labelled_at(request, prediction, now=shared.clock())
    category = _category(request.category)
    space = shared.services.label_spaces.current()
    if category not in space:
        if not request.new_category:
            raise _unknown_category(category, space)
        space = shared.services.label_spaces.extend(
            [category], cause=f"review by {request.reviewer}", at=labelled_at
        )
    label = Label(
        product_id=prediction.product.product_id,
        product_digest=prediction.product.digest,
        category=category,
        label_space_version=space.version,
        source=LabelSource.REVIEW,
        reviewer=request.reviewer,
        labelled_at=labelled_at,
        inclusion_probability=inclusion,
        prediction_id=prediction.prediction_id,
    )
    stored = shared.services.labels.append([label]) == 1
    response.status_code = 201 if stored else 200
    return LabelReceipt(label_id=label.label_id, stored=stored, label_space_version=space.version)


@router.get(
    "/pictures/{digest}",
    summary="A product's picture",
    response_class=Response,
    responses={**UNKNOWN, 200: {"content": {"image/*": {}}, "description": "its bytes"}},
)
def picture(
    digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of its bytes")],
    shared: Shared,
) -> Response:
    """The picture as it was received. It never changes under this address."""
    try:
        data = shared.services.objects.get(picture_key(digest))
    except NotFound:
        raise Refused(404, "there is no such picture", field="digest") from None
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=_media_type(data, shared), headers=headers)


def logged(shared: Context, prediction_id: str) -> Prediction:
    """A prediction of the log; raises Refused."""
    try:
        return shared.services.predictions.get(prediction_id)
    except NotFound:
        raise Refused(
            404,
            f"prediction {prediction_id[:100]!r} is not in the log",
            field="prediction_id",
            remedy="check it; a prediction of this very second may still be on its way: try again",
            headers={"Retry-After": "1"},
        ) from None


def _inclusion_probability(prediction: Prediction, score: ShadowScore | None) -> float:
    inclusion = inclusion_of(prediction, score)
    if not inclusion:
        raise Refused(
            409,
            "this product was not chosen for review",
            field="prediction_id",
            remedy="label what /v1/review/next hands out: a label picked by hand has no known "
            "probability and would bias every accuracy figure",
        )
    return inclusion


def _labelled_at(request: LabelRequest, prediction: Prediction, *, now: datetime) -> datetime:
    """When the label was given. Only the prediction's time can judge it: replays simulate both."""
    first, last = prediction.predicted_at, prediction.predicted_at + LONGEST_REVIEW
    if request.labelled_at is None:
        return min(max(now, first), last)
    if not first <= request.labelled_at <= last:
        raise Refused(
            422,
            f"the product was classified at {first.isoformat()}",
            field="labelled_at",
            remedy=f"send a time from then on, at most {LONGEST_REVIEW.days} days later",
        )
    return request.labelled_at


def _category(category: str) -> str:
    try:
        return checked_category(category)
    except InvalidInput as error:
        raise Refused(422, str(error), field="category") from None


def _unknown_category(category: str, space: LabelSpace) -> Refused:
    nearest = difflib.get_close_matches(category, space.classes, n=3, cutoff=0.3)
    meant = f"did you mean {' or '.join(map(repr, nearest))}? " if nearest else ""
    return Refused(
        422,
        f"category {category!r} is not in label space version {space.version}",
        field="category",
        remedy=f'{meant}If it is really new, send "new_category": true',
    )


def _media_type(data: bytes, shared: Context) -> str:
    try:
        return check_picture(data, max_pixels=shared.settings.max_picture_pixels).media_type
    except InvalidInput:
        return "application/octet-stream"


def image_url(product: Product) -> str | None:
    """Path of a product's picture on this server, None without one."""
    return f"/v1/pictures/{product.picture}" if product.picture else None
