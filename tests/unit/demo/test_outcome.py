"""What is reported of a loop, from the services it went through."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pyarrow as pa
import pytest

from ml.demo.accuracy import Stretch
from ml.demo.backstage import Backstage
from ml.demo.drift_watch import DriftWatch
from ml.demo.outcome import Reckoning
from ml.demo.played import Played
from ml.demo.report import DemoReport, ShadowWork, Tally
from ml.demo.reviews import ReviewDesk
from ml.demo.traffic import Answered, send
from ml.domain.labels import SnapshotRef
from ml.domain.ports import LABEL_SCHEMA, Candidate
from ml.serving.client import ServingClient
from ml.simulation.items import SimulatedProduct
from ml.simulation.reviewers import Reviewers
from ml.training.snapshot import freeze_snapshot
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import API_KEY, Worker, eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
TEAM = Reviewers(seed=1, categories=["books", "shoes"], response_share=1.0, error_share=0.0)


class Stand:
    """A backstage of one serving worker."""

    def __init__(self, worker: Worker, serving: ServingClient) -> None:
        self.services = worker.services
        self.settings = worker.settings
        self.serving = serving

    def patiently(self, ask: Callable[[], Any]) -> Any:
        return ask()

    def shadow_work(self) -> Counter[str]:
        return Counter(queued=9, scored=7, dropped=2)


@pytest.fixture
def stand(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """Version 1 is registered, serves, and the registry shows it."""
    bundle = tiny_bundle()
    snapshot = _frozen(worker)
    candidate = Candidate(
        key="first",
        bundle_digest="b" * 64,
        files=bundle.to_files(),
        reports={},
        params={},
        metrics={"fused_rows": 10.0, "fused_accuracy": 0.9},
        tags={"regain.snapshot": snapshot.digest, "regain.as_of": START.isoformat()},
        snapshot=snapshot,
        label_space=bundle.label_space,
        as_of=START,
    )
    worker.services.registry.register(candidate)
    worker.services.registry.set_alias("champion", 1)
    worker.client.get("/healthz")
    worker.answer_clients(monkeypatch)
    with ServingClient("http://serving", api_key=API_KEY) as serving:
        yield Stand(worker, serving)


def _frozen(worker: Worker) -> SnapshotRef:
    """A snapshot of twelve shoes, which is enough to learn them, and of two books."""
    services = worker.services
    labels = [
        (f"l{i}", f"p{i}", "shoes" if i < 12 else "books", START + timedelta(minutes=i))
        for i in range(14)
    ]
    rows = [
        {
            "label_id": label,
            "product_id": product,
            "product_digest": "e" * 64,
            "category": category,
            "label_space_version": 1,
            "source": "import",
            "reviewer": "catalogue",
            "labelled_at": at,
            "prediction_id": None,
            "inclusion_probability": 1.0,
            "title": product,
            "description": "",
            "picture": None,
            "listed_at": at,
        }
        for label, product, category, at in labels
    ]
    return freeze_snapshot(
        pa.Table.from_pylist(rows, schema=LABEL_SCHEMA),
        as_of=START + timedelta(days=1),
        label_space=services.label_spaces.current(),
        objects=services.objects,
        index=services.snapshots,
    )


class Market:
    """Two stretches of ten products, half of them doubtful, served and reviewed."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.desk = ReviewDesk(stand.serving)
        self.played = Played(imported=7)
        for number in (1, 2):
            answers = send(_products(number), stand.serving)
            eventually(lambda number=number: stand.services.predictions.count() == 10 * number)
            self.desk.expect(answers)
            self.desk.review(TEAM)
            self.played.stretches.append(_stretch(number, answers))

    def report(self) -> DemoReport:
        backstage = cast(Backstage, self.stand)
        reckoning = Reckoning(backstage, self.played, self.desk, DriftWatch(backstage))
        return reckoning.report(changes_after=1)


def _products(number: int) -> list[SimulatedProduct]:
    return [
        SimulatedProduct(
            product_id=f"p{number}-{i}",
            title=f"shoe {i}" if i % 2 else f"thing {i}",
            description="",
            picture=None,
            category="shoes",
            listed_at=START + timedelta(days=number, hours=i),
        )
        for i in range(10)
    ]


def _stretch(number: int, answers: list[Answered]) -> Stretch:
    start = START + timedelta(days=number)
    fresh = frozenset(answer.product.product_id for answer in answers)
    return Stretch(number, start, start + timedelta(hours=23), answers, fresh)


def test_a_quiet_loop_loses_and_doubles_nothing(stand: Stand) -> None:
    market = Market(stand)
    report = market.report()
    assert (report.lost, report.doubled) == (Tally(0, 0), Tally(0, 0))
    counts = report.counts
    assert (counts.predictions, counts.imported_labels) == (20, 7)
    assert counts.review_labels == len(market.desk.labels) >= 10
    assert counts.reviewers_right == 1.0
    assert [stretch.products for stretch in report.stretches] == [10, 10]
    assert report.changed_at == START + timedelta(days=2)
    assert [(each.version, each.serves) for each in report.versions] == [(1, True)]
    assert (report.comparisons, report.needed) == ([], [])
    assert report.shadow == ShadowWork(stored=0, dropped=2, failed=0)
    assert not report.closed
    assert "no drift check asked for a retraining" in report.faults


def test_labels_are_held_against_the_truth_before_the_change(stand: Stand) -> None:
    said = Market(stand).report().labels_say
    assert said is not None
    assert (said.products, said.labels) == (10, 5)  # people saw the five doubtful things only
    assert said.naive < said.truth
    assert said.low <= said.weighted <= said.high


def test_answers_that_the_log_lacks_are_lost(stand: Stand) -> None:
    market = Market(stand)
    last = market.played.stretches[-1]
    invented = replace(last.answers[0], prediction_id="0" * 32)
    market.played.stretches[-1] = replace(last, answers=[*last.answers, invented])
    assert market.report().lost == Tally(1, 0)


def test_answers_that_nobody_got_are_doubled(stand: Stand) -> None:
    market = Market(stand)
    market.played.stretches.pop()
    assert market.report().doubled == Tally(10, 0)


def test_an_answer_that_was_lost_hides_none_that_was_doubled(stand: Stand) -> None:
    market = Market(stand)
    last = market.played.stretches[-1]
    invented = replace(last.answers[0], prediction_id="0" * 32)
    market.played.stretches[-1] = replace(last, answers=[invented, *last.answers[1:]])
    report = market.report()
    assert (report.lost.predictions, report.doubled.predictions) == (1, 1)


def test_answers_that_came_while_the_last_judge_decided_are_accounted_for(stand: Stand) -> None:
    market = Market(stand)
    market.played.early = list(market.played.stretches.pop().answers)
    report = market.report()
    assert (report.lost, report.doubled) == (Tally(0, 0), Tally(0, 0))
    assert report.counts.predictions == 20


def test_labels_are_held_against_those_that_were_posted(stand: Stand) -> None:
    market = Market(stand)
    forgotten = next(iter(market.desk.labels))
    del market.desk.labels[forgotten]
    market.desk.labels["1" * 32] = True
    report = market.report()
    assert (report.lost.labels, report.doubled.labels) == (1, 1)


def test_an_alias_that_is_not_the_ledgers_is_a_fault(stand: Stand) -> None:
    market = Market(stand)
    stand.services.registry.drop_alias("champion")
    assert any("aliases are {}" in fault for fault in market.report().faults)


def test_later_products_are_answered_by_version_1_once_more(stand: Stand) -> None:
    market = Market(stand)
    market.played.regained = 1
    figures = market.report().accuracy
    assert figures.later_products == 10
    # Version 1 is what answered them in truth, here.
    assert figures.first_version_on_later_products == figures.after
    assert figures.later_products_of_known_classes == 10


def test_a_category_of_few_labels_is_none_that_version_1_knows(stand: Stand) -> None:
    market = Market(stand)
    market.played.regained = 1
    last = market.played.stretches[-1]
    books = [
        replace(each, product=replace(each.product, category="books")) for each in last.answers[:4]
    ]
    market.played.stretches[-1] = replace(last, answers=[*books, *last.answers[4:]])
    assert market.report().accuracy.later_products_of_known_classes == 6
