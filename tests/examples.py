"""Small valid domain objects, for tests to vary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.drift import Action, Alert, DriftCheck, Finding, Monitor, Window
from ml.domain.labels import Label, LabelSource
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product

START = datetime(2024, 1, 1, tzinfo=UTC)
CLASSES = ("books", "games", "pools")


def day(number: float) -> datetime:
    """So many days after START."""
    return START + timedelta(days=number)


def a_product(number: int = 0, **changes: object) -> Product:
    product = Product(f"p{number}", f"title {number}", "<p>chaise d'été</p>", None, START)
    return replace(product, **changes)


def a_label(product: Product, **changes: object) -> Label:
    """An imported label of label space version 1."""
    label = Label(
        product_id=product.product_id,
        product_digest=product.digest,
        category="books",
        label_space_version=1,
        source=LabelSource.IMPORT,
        reviewer="import",
        labelled_at=START,
        inclusion_probability=1.0,
    )
    return replace(label, **changes)


def a_review_label(prediction: Prediction, **changes: object) -> Label:
    fields: dict[str, object] = {
        "source": LabelSource.REVIEW,
        "reviewer": "ana",
        "labelled_at": prediction.predicted_at + timedelta(days=1),
        "prediction_id": prediction.prediction_id,
    }
    return a_label(prediction.product, **{**fields, **changes})


def a_prediction(
    number: int = 0, *, reasons: Sequence[SelectionReason] = (), **changes: object
) -> Prediction:
    """One whose product goes to review for the given reasons, in their sorted order."""
    prediction_id = f"prediction-{number}"
    prediction = Prediction(
        prediction_id=prediction_id,
        product=a_product(number),
        model_version=1,
        arm=Arm.CHAMPION,
        label_space_version=1,
        probabilities=(0.1, 0.7, 0.2),
        category="games",
        confidence=0.7,
        predicted_at=day(number),
        selections=tuple(
            ReviewSelection(prediction_id, reason, 0.25, 0.4375) for reason in sorted(reasons)
        ),
    )
    return replace(prediction, **changes)


def a_shadow_score(
    number: int = 0, *, drawn: bool = False, reviews: int = 1, **changes: object
) -> ShadowScore:
    """A disagreement on the product of `a_prediction(number)`; people see it when it is drawn."""
    prediction = a_prediction(number)
    score = ShadowScore(
        experiment="trial-2",
        prediction_id=prediction.prediction_id,
        product=prediction.product,
        scored_at=prediction.predicted_at,
        candidate=ScoredAnswer("games", 0.7, 12.5),
        baseline=ScoredAnswer("books", 0.9),
        label_probability=0.25,
    )
    score = replace(score, **changes)
    if not drawn:
        return score
    reason, name = SelectionReason.DISAGREEMENT, score.prediction_id
    return replace(score, selection=ReviewSelection(name, reason, 0.25, 0.25, reviews))


def an_alert(number: int = 0, **changes: object) -> Alert:
    """One that asks for a retraining, `number` days after START."""
    alert = Alert(
        alert_id=f"alert-{number}",
        action=Action.RETRAIN,
        model_version=1,
        at=day(number),
        window_start=day(number - 1),
        reason="accuracy fell by 0.05, more than 0.03",
        numbers={"drop": 0.05, "limit": 0.03},
    )
    return replace(alert, **changes)


def a_drift_check(number: int = 0, **changes: object) -> DriftCheck:
    """One made `number` days after START, by which the classes have drifted."""
    check = DriftCheck(
        check_id=f"check-{number}",
        model_version=1,
        as_of=day(number),
        reference=Window(day(-9), day(-5), 2_000),
        current=Window(day(number - 1), day(number), 1_500),
        findings=(
            Finding(Monitor.DATA, False, "no signal moved", {"moved": 0.0}),
            Finding(Monitor.PREDICTION, True, "other classes", {"divergence": 0.1 + 0.2}),
        ),
        report_uri="file:///reports/check.html",
    )
    return replace(check, **changes)
