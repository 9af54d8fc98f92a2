"""What auditors are told of accuracy; these models are a part of the documentation at /docs."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class _Told(BaseModel):
    """Read from the report's own objects."""

    model_config = ConfigDict(from_attributes=True)


class Share(_Told):
    """An estimated share with its 95 % interval, all in [0, 1]."""

    value: float = Field(description="says nothing without labels")
    low: float
    high: float
    labels: int
    effective_labels: float = Field(description="equally likely labels that would tell as much")


class PoweredEstimate(_Told):
    """The share, sharpened by the confidence of all that was served."""

    estimate: Share
    power: float = Field(description="how far confidence was relied on, in [0, 1]")


class ReviewerAgreement(_Told):
    """Of the products that two people labelled blindly, the share on which they agree."""

    share: Share
    error: float | None = Field(description="share of wrong labels, if people err independently")
    label_inflation: float | None = Field(
        description="how many times the labels a comparison of two models needs for it, at most"
    )


class AccuracySlice(_Told):
    """One slice of what was served."""

    dimension: str = Field(
        description="`overall`, `language`, `style`, `answer` (given this category) or `label` "
        "(truly of this category: recall)"
    )
    name: str
    drawn: int = Field(description="products put before people")
    labelled: int
    weighted: Share = Field(description="of all that was served")
    naive: Share = Field(description="of what was reviewed, and people review the hard products")
    worst: float | None = Field(description="weighted, if every missing label said wrong")
    best: float | None = Field(description="weighted, if every missing label said right")
    powered: PoweredEstimate | None = Field(description="where its interval is the shorter one")


class Accuracy(_Told):
    """How often a version's answers were right."""

    model_version: int
    since: datetime | None
    until: datetime | None
    as_of: datetime = Field(description="labels given up to then count")
    served: int = Field(description="products as they were shown, each once")
    explanation: str = Field(description="naive against weighted, in a sentence")
    agreement: ReviewerAgreement
    slices: list[AccuracySlice] = Field(description="the overall one first")
