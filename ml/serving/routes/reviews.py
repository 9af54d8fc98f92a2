"""For reviewers and auditors: the next product, its picture, the label, the logged prediction."""

import difflib
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import Label, LabelSource, LabelSpace, checked_category
from ml.domain.predictions import Prediction
from ml.domain.products import Product, picture_key
from ml.models.pictures import check_picture
from ml.serving.context import Context
from ml.serving.errors import Refused
from ml.serving.guard import GuardedRoute, documented_key
from ml.serving.routes import Shared
from ml.serving.routes.products import top5
from ml.serving.schemas import (
    ErrorAnswer,
    LabelReceipt,
    LabelRequest,
    Name,
    PredictionAudit,
    ReviewProduct,
    Selection,
)

router = APIRouter(
    prefix="/v1",
    tags=["reviews"],
    route_class=GuardedRoute,
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
_UNKNOWN: dict[int | str, dict[str, object]] = {
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
        image_url=_image_url(item.product),
    )


@router.post(
    "/labels",
    summary="Label a product",
    status_code=201,
    responses={
        **_UNKNOWN,
        200: {"model": LabelReceipt, "description": "the label was already there"},
        409: {"model": ErrorAnswer, "description": "the product was not chosen for review"},
    },
)
def add_label(request: LabelRequest, response: Response, shared: Shared) -> LabelReceipt:
    """Add a reviewer's label; nothing is ever overwritten, a correction is a further label."""
    prediction = _logged(shared, request.prediction_id)
    inclusion = _inclusion_probability(prediction)
    labelled_at = request.labelled_at or shared.clock()
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


@router.get("/predictions/{prediction_id}", summary="Audit a prediction", responses=_UNKNOWN)
def prediction(prediction_id: str, shared: Shared) -> PredictionAudit:
    """One logged prediction: what the model saw and said, which version, who was to check it."""
    found = _logged(shared, prediction_id)
    space = shared.services.label_spaces.get(found.label_space_version)
    return PredictionAudit(
        prediction_id=found.prediction_id,
        predicted_at=found.predicted_at,
        product_id=found.product.product_id,
        product_digest=found.product.digest,
        title=found.product.title,
        description=found.product.description,
        image_url=_image_url(found.product),
        listed_at=found.product.listed_at,
        category=found.category,
        confidence=found.confidence,
        top5=top5(found, space.classes),
        model_version=found.model_version,
        arm=found.arm.value,
        label_space_version=found.label_space_version,
        selections=[
            Selection(
                reason=each.reason.value,
                probability=each.probability,
                inclusion_probability=each.inclusion_probability,
            )
            for each in found.selections
        ],
    )


@router.get(
    "/pictures/{digest}",
    summary="A product's picture",
    response_class=Response,
    responses={**_UNKNOWN, 200: {"content": {"image/*": {}}, "description": "its bytes"}},
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


def _logged(shared: Context, prediction_id: str) -> Prediction:
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


def _inclusion_probability(prediction: Prediction) -> float:
    if not prediction.selections:
        raise Refused(
            409,
            "this product was not chosen for review",
            field="prediction_id",
            remedy="label what /v1/review/next hands out: a label picked by hand has no known "
            "probability and would bias every accuracy figure",
        )
    return prediction.selections[0].inclusion_probability


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


def _image_url(product: Product) -> str | None:
    return f"/v1/pictures/{product.picture}" if product.picture else None
