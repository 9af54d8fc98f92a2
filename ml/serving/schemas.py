"""What the API takes and answers; these models are its documentation at /docs."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from ml.domain.errors import InvalidInput
from ml.domain.products import MAX_PRODUCT_ID_LENGTH, checked_product_id, checked_time

T = TypeVar("T")


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a NUL byte; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half a surrogate pair, which is no character") from None
    return text


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable characters, not only blanks")
    return text


def _by(rule: Callable[[T], T]) -> AfterValidator:
    """A rule of the domain as a check of a field."""

    def check(value: T) -> T:
        try:
            return rule(value)
        except InvalidInput as error:
            raise ValueError(str(error)) from None

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_storable)]
ProductId = Annotated[
    str, Field(min_length=1, max_length=MAX_PRODUCT_ID_LENGTH), _by(checked_product_id)
]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Time = Annotated[AwareDatetime, _by(checked_time)]

_PRODUCT: dict[str, Any] = {
    "product_id": "SKU-10442",
    "title": "Carnet A5 à couverture rigide, 120 pages",
    "description": "Carnet ligné, couverture souple",
}
_ANSWER: dict[str, Any] = {
    "prediction_id": "c41e7d0a93b84f26b5d2703e9af86c15",
    "product_id": "SKU-10442",
    "category": "2522",
    "confidence": 0.93,
    "top5": [{"category": "2522", "probability": 0.93}, {"category": "10", "probability": 0.04}],
    "needs_review": False,
    "model_version": 3,
    "arm": "champion",
    "experiment": None,
    "label_space_version": 1,
}


class _Request(BaseModel):
    """Unknown fields are refused, so that a typing error is not a silently missing picture."""

    model_config = ConfigDict(extra="forbid")


class ClassifyRequest(_Request):
    """A product: text, a picture, or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PRODUCT]})

    product_id: ProductId = Field(description="your id of the product")
    title: Text | None = Field(default=None, description="as the seller wrote it")
    description: Text | None = Field(default=None, description="plain text or HTML")
    image: str | None = Field(default=None, description="JPEG, PNG, WebP or GIF, as base64")
    image_uri: Text | None = Field(
        default=None,
        max_length=2_000,
        description="instead of `image`: a URI of the installation's own object store; "
        "nothing is ever fetched from elsewhere",
    )
    listed_at: Time | None = Field(default=None, description="when it was listed; default: `at`")
    at: Time | None = Field(
        default=None, description="when it is classified (for replays); default: now"
    )
    request_id: Name | None = Field(
        default=None,
        description="your id of this request: repeated after a lost answer, it is the same "
        "prediction and is logged once, as long as the same model version answers; another "
        "version that came in between answers anew, and both answers are logged",
    )


class BatchRequest(_Request):
    """Products that are answered together: all of them, or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"products": [_PRODUCT]}]})

    products: list[ClassifyRequest] = Field(min_length=1)


class ClassProbability(BaseModel):
    """One of the likeliest categories."""

    category: str
    probability: float = Field(description="calibrated, in [0, 1]")


class Classification(BaseModel):
    """The answer for one product."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    prediction_id: str = Field(description="names this answer in labels and audits")
    product_id: str
    category: str = Field(description="the likeliest category")
    confidence: float = Field(description="its calibrated probability, in [0, 1]")
    top5: list[ClassProbability] = Field(description="the likeliest categories, best first")
    needs_review: bool = Field(
        description="the confidence is under the threshold: do not file the product unseen. "
        "Whether a reviewer is asked to label it is drawn apart, within the review capacity"
    )
    model_version: int = Field(description="version in the MLflow registry")
    arm: str = Field(
        description="the side of a rollout that answered: `champion`, or `challenger` on trial"
    )
    experiment: str | None = Field(description="the trial that was on, whichever arm answered")
    label_space_version: int


class BatchAnswer(BaseModel):
    """The answers, in the order of the products."""

    predictions: list[Classification]


class ReviewProduct(BaseModel):
    """A product to label. The model's answer is not shown: it would sway the reviewer."""

    prediction_id: str = Field(description="send it back with the label")
    product_id: str
    title: str
    description: str
    image_url: str | None = Field(
        description="path of its picture on this server",
        examples=[f"/v1/pictures/{'0' * 64}"],
    )


class LabelRequest(_Request):
    """What a reviewer says about a product they were asked about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prediction_id": _ANSWER["prediction_id"],
                    "category": "2522",
                    "reviewer": "anna",
                    "labelled_at": "2026-11-20T09:30:00Z",
                }
            ]
        }
    )

    prediction_id: Name = Field(description="from /v1/review/next")
    category: Text = Field(description="a category of the current label space")
    reviewer: Name = Field(description="who says so")
    labelled_at: Time | None = Field(
        default=None,
        description="when: at or after the prediction, by its clock; default: now, or in a replay "
        "the nearest possible time. Send it, and the same label sent twice is stored once",
    )
    new_category: bool = Field(
        default=False, description="the category is new on purpose: extend the label space by it"
    )


class LabelReceipt(BaseModel):
    """The label is in PostgreSQL when this arrives."""

    label_id: str
    stored: bool = Field(description="false: it was already there")
    label_space_version: int = Field(description="raised when the label named a new category")


class ChallengerDescription(BaseModel):
    """A version on trial, that answers a share of the products."""

    model_version: int
    since: datetime = Field(description="when its trial began")
    share: float = Field(description="of the products, chosen by their id and the experiment")
    experiment: str = Field(description="names the trial in predictions")
    label_space_version: int
    bundle_digest: str


class ComparisonDescription(BaseModel):
    """Two versions that score the same products, so that people can say which is better."""

    kind: str = Field(description="`trial` of a challenger, or `watch` over a new champion")
    experiment: str = Field(description="names it in audits")
    candidate_version: int = Field(description="the newer one")
    baseline_version: int = Field(description="the champion, or in a watch the one before it")
    since: datetime
    shadow_share: float = Field(description="of the products that both score; 0: none")
    label_probability: float = Field(description="with which people label each disagreement")


class ModelDescription(BaseModel):
    """The champion, who is on trial beside it, and what is compared."""

    model_version: int
    since: datetime = Field(description="when it became champion")
    label_space_version: int
    classes: list[str]
    confidence_threshold: float = Field(description="under it an answer needs review")
    snapshot_digest: str = Field(description="the frozen labels it was trained on")
    trained_as_of: str
    bundle_digest: str = Field(description="of its files in the object store")
    reads_pictures: bool
    challenger: ChallengerDescription | None = Field(description="null: no trial in this worker")
    comparison: ComparisonDescription | None = Field(
        description="null: none, or not both of its models are loaded in this worker"
    )


class Health(BaseModel):
    """The process is there."""

    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """A model is loaded."""

    status: str = Field(examples=["ready"])
    model_version: int
    problem: str | None = Field(
        default=None, description="why this worker may be behind the ledger; it serves meanwhile"
    )


class ErrorDetail(BaseModel):
    """What went wrong, in one line."""

    reason: str
    field: str | None = Field(default=None, description="the part of the request at fault")
    remedy: str | None = Field(default=None, description="what to do about it")
    request_id: str | None = Field(default=None, description="in the serving log, when unexpected")


class ErrorAnswer(BaseModel):
    """The shape of every error."""

    error: ErrorDetail
