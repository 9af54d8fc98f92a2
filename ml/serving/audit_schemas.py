"""What auditors are told; these models are a part of the documentation at /docs."""

from datetime import datetime

from pydantic import BaseModel, Field

from ml.serving.schemas import ClassProbability


class Selection(BaseModel):
    """A coin that put the product before a person."""

    reason: str
    probability: float = Field(description="of this coin")
    inclusion_probability: float = Field(
        description="of any coin at all, as far as they were known when this one was tossed"
    )
    reviews: int = Field(description="how many people label it, none of whom sees another's label")


class ShadowAnswer(BaseModel):
    """What one of a comparison's two models said."""

    category: str | None = Field(description="null: it could not answer")
    confidence: float
    milliseconds: float | None = Field(description="of an answer that was served and computed")


class ShadowAudit(BaseModel):
    """What both models of a comparison said; only one of the two was answered."""

    experiment: str = Field(description="names the comparison: `trial-...` or `watch-...`")
    scored_at: datetime = Field(description="as the prediction's clock has it")
    candidate: ShadowAnswer = Field(description="the newer model: a challenger, a new champion")
    baseline: ShadowAnswer
    differs: bool = Field(description="then the disagreement coin was tossed")
    label_probability: float = Field(description="of the disagreement coin")


class PredictionAudit(BaseModel):
    """One logged prediction, with all that explains it."""

    prediction_id: str
    predicted_at: datetime
    product_id: str
    product_digest: str = Field(description="of the title, description and picture it saw")
    title: str
    description: str
    image_url: str | None
    listed_at: datetime
    category: str
    confidence: float
    top5: list[ClassProbability]
    model_version: int
    arm: str
    experiment: str | None = Field(description="the trial that was on, whichever arm answered")
    label_space_version: int
    signals: dict[str, float] = Field(description="what is watched for drift of this product")
    selections: list[Selection] = Field(description="empty: nobody was asked to check it")
    inclusion_probability: float | None = Field(
        description="of any coin at all: labels weigh 1 / this; null: nobody was asked"
    )
    shadow: ShadowAudit | None = Field(
        description="null: not scored by a comparison's other model, or not yet"
    )


class DriftFinding(BaseModel):
    """What one monitor saw."""

    monitor: str = Field(description="`data`, `concept`, `prediction` or `confidence`")
    drifted: bool
    reason: str
    numbers: dict[str, float]


class DriftWindow(BaseModel):
    """The products answered between two times, both inclusive."""

    start: datetime
    end: datetime
    products: int


class DriftCheckDescription(BaseModel):
    """One comparison of what a champion was asked first with what it was asked last."""

    check_id: str
    model_version: int
    as_of: datetime
    drifted: bool = Field(description="whether any monitor saw drift")
    reference: DriftWindow
    current: DriftWindow
    findings: list[DriftFinding]
    report_url: str = Field(description="path of the HTML report on this server")


class DriftChecks(BaseModel):
    """The newest drift checks, newest first."""

    checks: list[DriftCheckDescription]


class RolloutDecision(BaseModel):
    """An entry of the rollout ledger: what was decided of a version, why, and by whom."""

    entry_id: int
    decision: str = Field(
        description="`promote`, `challenge`, `continue`, `rollback`, `confirm` (a champion's watch "
        "is over) or `refuse` (by the gate)"
    )
    model_version: int
    share: float | None = Field(description="of the products, of a challenge")
    shadow_share: float | None = Field(
        description="of the products that both models score, where this began a comparison"
    )
    label_probability: float | None = Field(
        description="with which people are asked about each disagreement of it"
    )
    reason: str
    numbers: dict[str, float | str]
    actor: str
    at: datetime = Field(description="as decided; simulated in a replay")
    recorded_at: datetime = Field(description="by the database's clock")
    bundle_digest: str
    label_space_version: int


class RolloutHistory(BaseModel):
    """Every decision about who serves, oldest first."""

    entries: list[RolloutDecision]
