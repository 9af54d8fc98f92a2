"""What both models of a comparison said, and what people said of it, as a test wants it."""

from dataclasses import dataclass

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.labels import Label, LabelSource
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from tests.fakes import FakeServices
from tests.unit.tasks.rollouts import NOON, at


@dataclass(frozen=True)
class Found:
    """Products of a comparison by what people found of them; `waiting` were drawn, not labelled."""

    wins: int = 0
    ties: int = 0
    losses: int = 0
    waiting: int = 0
    agreed: int = 0


def compare(
    services: FakeServices, found: Found, *, hours: float = 10, silent: bool = False
) -> None:
    """Score products in the comparison that is on; those that differ are drawn and labelled.

    A `silent` candidate differs by not answering at all.

    They come in turns, so that every cohort has some of each. Either model names either
    category in turns, so that the models name both about as often.
    """
    experiment = _experiment(services)
    kinds = [kind for kind, count in vars(found).items() for _ in range(count)]
    order = sorted(range(len(kinds)), key=lambda i: (i * 0.6180339887) % 1.0)
    for number in order:
        name = f"{experiment}-{hours}-{number}"
        _score(services, experiment, name, kinds[number], hours, silent=silent)


def label(
    services: FakeServices, name: str, category: str, *, reviewer: str = "anna", hours: float = 11
) -> None:
    """A reviewer's label of a product that `compare` made."""
    product = _product(name)
    services.label_spaces.extend([category], cause="test", at=NOON)
    space = services.label_spaces.current().version
    services.labels.append(
        [
            Label(
                product_id=name,
                product_digest=product.digest,
                category=category,
                label_space_version=space,
                source=LabelSource.REVIEW,
                reviewer=reviewer,
                labelled_at=at(hours),
                inclusion_probability=1.0,
                prediction_id=name,
            )
        ]
    )


def _experiment(services: FakeServices) -> str:
    comparison = services.ledger.rollout().comparison
    assert comparison is not None
    return comparison.experiment


def _product(name: str) -> Product:
    return Product(name, "a title", "", None, NOON)


def _score(
    services: FakeServices, experiment: str, name: str, kind: str, hours: float, *, silent: bool
) -> None:
    """Where they differ, one says books and the other shoes, in turns."""
    product, differs = _product(name), kind != "agreed"
    said = ["books", "shoes"] if len(services.database.predictions) % 2 else ["shoes", "books"]
    candidate, baseline = said if differs else said[:1] * 2
    services.predictions.append(
        [
            Prediction(
                prediction_id=name,
                product=product,
                model_version=1,
                arm=Arm.CHAMPION,
                label_space_version=1,
                probabilities=(0.9, 0.1),
                category=baseline,
                confidence=0.9,
                predicted_at=at(hours),
                experiment=experiment,
            )
        ]
    )
    drawn = ReviewSelection(name, SelectionReason.DISAGREEMENT, 1.0, 1.0) if differs else None
    services.shadows.append(
        [
            ShadowScore(
                experiment=experiment,
                prediction_id=name,
                product=product,
                scored_at=at(hours),
                candidate=ScoredAnswer(None if silent and differs else candidate, 0.9),
                baseline=ScoredAnswer(baseline, 0.9),
                label_probability=1.0,
                selection=drawn,
            )
        ]
    )
    truth = {"wins": candidate, "losses": baseline, "ties": "hats"}.get(kind)
    if truth:
        label(services, name, truth, hours=hours + 1)
