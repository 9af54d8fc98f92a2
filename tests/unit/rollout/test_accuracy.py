"""The accuracy report against populations whose truth is known."""

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ml.domain.errors import NotFound
from ml.domain.predictions import Prediction, ReviewSelection, SelectionReason
from ml.rollout.accuracy import AccuracyReport, SliceAccuracy, measure_accuracy
from tests.examples import CLASSES, START, a_prediction, a_product, a_review_label, day
from tests.fakes import FakeServices


@pytest.fixture
def services() -> FakeServices:
    services = FakeServices()
    services.label_spaces.extend(CLASSES, cause="import", at=START)
    return services


def serve(
    services: FakeServices,
    numbers: Sequence[int],
    *,
    reasons: Sequence[SelectionReason] = (),
    chance: float = 1.0,
    reviews: int = 1,
    **changes: object,
) -> list[Prediction]:
    """Answers `games`, drawn for these reasons with this inclusion probability."""
    answers = [
        a_prediction(
            number,
            predicted_at=day(1),
            selections=tuple(
                ReviewSelection(f"prediction-{number}", reason, chance, chance, reviews)
                for reason in reasons
            ),
            **{"product": a_product(number), **changes},
        )
        for number in numbers
    ]
    services.predictions.append(answers)
    return answers


def review(
    services: FakeServices, answer: Prediction, category: str, *reviewers: str, hour: int = 0
) -> None:
    """The reviewers (ana, if none is named) say so, a day and some hours after the answer."""
    for reviewer in reviewers or ("ana",):
        label = a_review_label(
            answer,
            category=category,
            reviewer=reviewer,
            inclusion_probability=answer.selections[0].inclusion_probability,
            labelled_at=answer.predicted_at + timedelta(days=1, hours=hour),
        )
        services.labels.append([label])


def measured(services: FakeServices, **asked: object) -> AccuracyReport:
    return measure_accuracy(
        services.ledger,
        services.windows,
        services.label_spaces,
        **{"version": 1, "as_of": day(9), **asked},
    )


def slice_of(report: AccuracyReport, dimension: str, name: str) -> SliceAccuracy:
    (found,) = [one for one in report.slices if (one.dimension, one.name) == (dimension, name)]
    return found


def test_labels_of_hard_products_do_not_speak_for_easy_ones(services: FakeServices) -> None:
    """4,000 products, 90 % easy and 95 % right, the others hard and right half of the time."""
    rng = random.Random(4)
    easy = range(3_600)
    audits = [number for number in easy if rng.random() < 0.05]
    hard = range(3_600, 4_000)
    serve(services, sorted(set(easy) - set(audits)), confidence=0.95)
    audit, unsure = [SelectionReason.AUDIT], [SelectionReason.LOW_CONFIDENCE]
    for answer in serve(services, audits, reasons=audit, chance=0.05, confidence=0.95):
        review(services, answer, "games" if rng.random() < 0.95 else "books")
    for answer in serve(services, hard, reasons=unsure, chance=1.0, confidence=0.5):
        review(services, answer, "games" if rng.random() < 0.5 else "books")
    report = measured(services)
    assert report.served == 4_000
    overall = report.slices[0]
    assert (overall.dimension, overall.drawn) == ("overall", 400 + len(audits))
    assert overall.weighted.low < 0.905 < overall.weighted.high
    assert overall.naive.high < 0.905 - 0.1
    assert (overall.worst, overall.best) == pytest.approx((overall.weighted.value,) * 2)
    # the log knows that 90 % are easy; the audits tell it only roughly
    assert overall.powered is not None
    assert overall.powered.estimate.width < overall.weighted.width
    assert overall.powered.estimate.low < 0.905 < overall.powered.estimate.high


def test_a_slice_by_label_is_its_recall_and_by_answer_its_precision(
    services: FakeServices,
) -> None:
    audit = [SelectionReason.AUDIT]
    games = serve(services, range(10), reasons=audit)
    pools = serve(services, range(10, 14), reasons=audit, category="pools")
    for answer in games[:8]:
        review(services, answer, "games")
    for answer in (*games[8:], *pools):
        review(services, answer, "pools")
    report = measured(services)
    assert slice_of(report, "answer", "games").weighted.value == pytest.approx(0.8)
    assert slice_of(report, "answer", "pools").weighted.value == 1.0
    assert slice_of(report, "label", "games").weighted.value == 1.0
    recall = slice_of(report, "label", "pools")
    assert recall.weighted.value == pytest.approx(4 / 6)
    assert (recall.worst, recall.best) == (None, None)


def test_slices_are_of_languages_and_of_sellers_habits(services: FakeServices) -> None:
    audit = [SelectionReason.AUDIT]
    shouting = {"title": "CHAISE POUR LE JARDIN", "description": ""}
    loud = serve(services, [1], reasons=audit, product=a_product(1, **shouting))
    calm = {"title": "Chair for the garden", "picture": "a" * 64}
    quiet = serve(services, [2], reasons=audit, product=a_product(2, **calm))
    review(services, loud[0], "books")
    review(services, quiet[0], "games")
    report = measured(services)
    assert slice_of(report, "language", "fr").weighted.value == 0.0
    assert slice_of(report, "language", "en").weighted.value == 1.0
    for habit in ("title in capitals", "no description", "no picture"):
        assert slice_of(report, "style", habit).weighted.value == 0.0
    for habit in ("HTML description", "with a picture"):
        assert slice_of(report, "style", habit).weighted.value == 1.0


def test_missing_labels_are_spoken_for_by_their_stratum_and_bounded(services: FakeServices) -> None:
    """Half of the hard products, right half of the time, have no label yet; all others have."""
    audit, unsure = [SelectionReason.AUDIT], [SelectionReason.LOW_CONFIDENCE]
    for answer in serve(services, range(20), reasons=audit, confidence=0.95):
        review(services, answer, "games")
    hard = serve(services, range(20, 60), reasons=unsure, confidence=0.4)
    for number, answer in enumerate(hard[:20]):
        review(services, answer, "games" if number % 2 else "books")
    overall = measured(services).slices[0]
    assert (overall.drawn, overall.labelled) == (60, 40)
    assert overall.naive.value == pytest.approx(30 / 40)
    assert overall.weighted.value == pytest.approx((20 + 20) / 60)
    assert overall.worst == pytest.approx(30 / 60)
    assert overall.best == pytest.approx(50 / 60)


def test_every_slice_lies_within_its_bounds(services: FakeServices) -> None:
    rng = random.Random(6)
    for number in range(300):
        hard = rng.random() < 0.5
        (answer,) = serve(
            services,
            [number],
            reasons=[SelectionReason.LOW_CONFIDENCE if hard else SelectionReason.AUDIT],
            chance=0.5 if hard else 0.1,
            confidence=rng.uniform(0.3, 0.8) if hard else 0.9,
            product=a_product(number, title=rng.choice(["Chair for you", "Chaise pour lui", "X"])),
            category=rng.choice(CLASSES),
        )
        if rng.random() < (0.4 if hard else 0.9):
            review(services, answer, rng.choice(CLASSES))
    bounded = [one for one in measured(services).slices if one.worst is not None]
    assert {one.dimension for one in bounded} == {"overall", "language", "style", "answer"}
    for one in bounded:
        assert one.worst - 1e-9 <= one.weighted.value <= one.best + 1e-9


def test_a_label_counts_once_its_reviewers_have_settled_it(services: FakeServices) -> None:
    first, second, third = serve(
        services, range(3), reasons=[SelectionReason.AUDIT], reviews=2, chance=0.5
    )
    review(services, first, "games", "ana")
    for answer in (second, third):
        review(services, answer, "books", "ana")
        review(services, answer, "games", "ben", hour=1)
    review(services, third, "games", "eva", hour=2)
    report = measured(services)
    overall = report.slices[0]
    assert (overall.drawn, overall.labelled, overall.weighted.value) == (3, 1, 1.0)
    assert (report.agreement.share.labels, report.agreement.share.value) == (2, 0.0)
    assert report.agreement.label_inflation is None, "worse than guessing decides nothing"


def test_a_span_and_a_time_limit_what_counts(services: FakeServices) -> None:
    audit = [SelectionReason.AUDIT]
    early, _ = serve(services, [1, 2], reasons=audit)
    review(services, early, "games")
    assert measured(services, as_of=day(1)).slices[0].labelled == 0
    assert measured(services, as_of=day(2)).slices[0].labelled == 1
    with pytest.raises(NotFound, match="version 1 answered nothing"):
        measured(services, since=day(2))


def test_without_a_drawn_product_nothing_is_known(services: FakeServices) -> None:
    serve(services, range(3))
    (overall,) = measured(services).slices
    assert (overall.drawn, overall.labelled, overall.worst, overall.best) == (0, 0, 0.0, 1.0)
    assert (overall.weighted.low, overall.weighted.high) == (0.0, 1.0)


def test_without_a_champion_a_version_must_be_named(services: FakeServices) -> None:
    with pytest.raises(NotFound, match="name a version"):
        measured(services, version=None)
