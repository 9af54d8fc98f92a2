"""How often the served answers were right, with the truth that only the simulation has.

Every figure is over *fresh* products: those whose title and picture no label snapshot had by the
time they were answered, so that no version could have learnt them by heart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ml.demo.traffic import Answered
from ml.domain.digests import digest_bytes
from ml.domain.ports import SplitLedger
from ml.models.bundle import ModelBundle, ModelInput
from ml.simulation.items import SimulatedProduct
from ml.training.split import group_keys

CHUNK = 128


@dataclass(frozen=True)
class Stretch:
    """Products that were answered between two times (both inclusive), in order of arrival.

    `fresh` are the ids of those that no snapshot knew.
    """

    number: int
    start: datetime
    end: datetime
    answers: Sequence[Answered]
    fresh: frozenset[str]

    def counted(self) -> list[Answered]:
        """The answers that accuracy figures are about."""
        return [each for each in self.answers if each.product.product_id in self.fresh]


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers in [0, 1]; None where nothing was answered.

    `before`: served before the change, `drifted`: from the change until a version that drift had
    retrained was promoted, `after`: on the later products, those answered since that promotion
    except by the saboteur's version. `first_version_on_later_products` is what version 1 says of
    the same. Known classes are those version 1 had labels enough of (`min_class_rows`) to learn
    them. In a real catalogue the stretch at whose end an alert first asked for a retraining is the
    first after the change.
    """

    before: float | None
    drifted: float | None
    after: float | None
    first_version_on_later_products: float | None
    after_on_known_classes: float | None
    first_version_on_known_classes: float | None
    later_products: int
    later_products_of_known_classes: int


def share_right(answers: Iterable[Answered]) -> float | None:
    """Share of the answers that are the truth, None without any."""
    right = [answer.correct for answer in answers]
    return sum(right) / len(right) if right else None


def fresh_ids(products: Sequence[SimulatedProduct], splits: SplitLedger) -> frozenset[str]:
    """Ids of the products whose title and picture no snapshot had so far."""
    keys = [group_keys(product.title, _picture_digest(product)) for product in products]
    known = splits.parts_of_keys([key for each in keys for key in each])
    return frozenset(
        product.product_id
        for product, own in zip(products, keys, strict=True)
        if not any(key in known for key in own)
    )


def right_answers(bundle: ModelBundle, products: Sequence[SimulatedProduct]) -> set[str]:
    """Ids of the products that a version answers rightly; what it can't read it misses."""
    right = set()
    for start in range(0, len(products), CHUNK):
        chunk = products[start : start + CHUNK]
        inputs = [ModelInput(each.title, each.description, each.picture) for each in chunk]
        rows = bundle.predict_usable(inputs).probabilities
        for product, row in zip(chunk, rows, strict=True):
            if not np.isnan(row).any() and bundle.label_space.classes[row.argmax()] == (
                product.category
            ):
                right.add(product.product_id)
    return right


def accuracy(
    stretches: Sequence[Stretch],
    *,
    changed: int,
    promoted: int | None,
    saboteur: int | None,
    first_right: set[str],
    known: frozenset[str],
) -> Accuracy:
    """The figures of a whole loop.

    `changed` is the first stretch after the change, `promoted` the one at whose end the retrained
    version was promoted (None: never), `saboteur` the version to leave out, `first_right` the
    products that version 1 answers rightly, `known` the categories it could learn.
    """
    end = promoted if promoted is not None else len(stretches)
    later = [
        each
        for stretch in stretches
        if stretch.number > end
        for each in stretch.counted()
        if each.model_version != saboteur
    ]
    familiar = [each for each in later if each.product.category in known]
    return Accuracy(
        before=share_right(_of(stretches, 1, changed - 1)),
        drifted=share_right(_of(stretches, changed, end)),
        after=share_right(later),
        first_version_on_later_products=_share_in(later, first_right),
        after_on_known_classes=share_right(familiar),
        first_version_on_known_classes=_share_in(familiar, first_right),
        later_products=len(later),
        later_products_of_known_classes=len(familiar),
    )


def _of(stretches: Sequence[Stretch], first: int, last: int) -> list[Answered]:
    return [a for each in stretches if first <= each.number <= last for a in each.counted()]


def _share_in(answers: Sequence[Answered], right: set[str]) -> float | None:
    if not answers:
        return None
    return sum(answer.product.product_id in right for answer in answers) / len(answers)


def _picture_digest(product: SimulatedProduct) -> str | None:
    return digest_bytes(product.picture) if product.picture else None
