"""What both models of a comparison say is known later; what one of them answered waits for none."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.comparisons import ShadowScore
from ml.domain.errors import ServiceUnavailable
from ml.domain.predictions import Arm, Prediction, SelectionReason
from ml.domain.products import Product
from ml.domain.rollouts import Challenger, Champion, Comparison, ComparisonKind
from ml.models.bundle import ModelBundle
from ml.rollout.selection import plan_selection
from ml.rollout.traffic import is_compared
from ml.serving.answered import Answered
from ml.serving.inputs import Item
from ml.serving.metrics import Metrics
from ml.serving.served import ServedComparison, ServedModel, ServedRollout
from ml.serving.shadow import ShadowScorer
from ml.serving.spool import Spool
from tests.fakes import InMemoryPredictionCache
from tests.fakes.bundles import FragileBundle, contrary_bundle, tiny_bundle
from tests.fakes.serving import NOW, REVIEWER_KEY, Worker, encoded, eventually, jpeg

ALWAYS = {"shadow_share": 1.0, "label_probability": 1.0}
CONTRARY = contrary_bundle()


def described(worker: Worker) -> dict[str, Any]:
    return dict(worker.client.get("/v1/model").json())


def begin_trial(worker: Worker, *, share: float = 0.5, version: int = 2, **shadow: float) -> str:
    """A challenger that says the contrary of everything; returns the experiment's name."""
    digest = worker.store(CONTRARY)
    experiment = worker.challenge(digest, version=version, share=share, **(shadow or ALWAYS))
    eventually(lambda: described(worker)["comparison"] is not None)
    return experiment


def begin_watch(worker: Worker, **shadow: float) -> None:
    worker.promote(worker.store(CONTRARY), version=2, **(shadow or ALWAYS))
    eventually(lambda: described(worker)["comparison"] is not None)


def asked(worker: Worker, product_id: str, **product: Any) -> dict[str, Any]:
    response = worker.classify(product_id=product_id, **(product or {"title": "a good book"}))
    assert response.status_code == 200, response.text
    return dict(response.json())


def score_of(worker: Worker, answer: Mapping[str, Any]) -> ShadowScore:
    """The score of an answer, once it is stored."""
    shadows = worker.services.shadows
    eventually(lambda: shadows.get(answer["prediction_id"]) is not None)
    score = shadows.get(answer["prediction_id"])
    assert score is not None
    return score


def audited(worker: Worker, answer: Mapping[str, Any]) -> dict[str, Any]:
    return dict(worker.client.get(f"/v1/predictions/{answer['prediction_id']}").json())


def counted(metrics: Metrics, result: str) -> float:
    key = f'regain_shadow_total{{result="{result}"}} '
    lines = metrics.render().decode().splitlines()
    return sum(float(line.removeprefix(key)) for line in lines if line.startswith(key))


def product_of(worker: Worker, arm: str) -> str:
    """A product that this arm answers."""
    return next(f"p{i}" for i in range(200) if asked(worker, f"p{i}")["arm"] == arm)


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_what_the_other_model_of_a_trial_says_is_known_later(worker: Worker, arm: str) -> None:
    experiment = begin_trial(worker, share=1.0 if arm == "challenger" else 1e-9)
    fresh, cached = asked(worker, "p1"), asked(worker, "p2")
    assert fresh["arm"] == arm
    for answer in (fresh, cached):
        score = score_of(worker, answer)
        assert score.experiment == experiment
        assert (score.candidate.category, score.baseline.category) == ("shoes", "books")
        assert score.scored_at == NOW
    first, second = score_of(worker, fresh), score_of(worker, cached)
    served = first.candidate if arm == "challenger" else first.baseline
    assert served.confidence == fresh["confidence"]
    assert served.milliseconds is not None
    assert served.milliseconds > 0
    times = [each.milliseconds for score in (first, second) for each in answers(score)]
    assert [each for each in times if each is not None] == [served.milliseconds]


def answers(score: ShadowScore) -> tuple[Any, Any]:
    return score.candidate, score.baseline


def test_in_a_watch_the_former_champion_scores_on(worker: Worker) -> None:
    begin_watch(worker)
    answer = asked(worker, "p1")
    assert (answer["model_version"], answer["category"]) == (2, "shoes")
    score = score_of(worker, answer)
    assert (score.candidate.category, score.baseline.category) == ("shoes", "books")
    assert score.candidate.confidence == answer["confidence"]
    assert worker.services.predictions.get(answer["prediction_id"]).experiment is None


@pytest.mark.parametrize("begin", [begin_trial, begin_watch])
def test_a_share_of_the_products_is_scored_whoever_answers(
    worker: Worker, begin: Callable[..., object]
) -> None:
    begin(worker, shadow_share=0.3, label_probability=1e-9)
    comparison = worker.services.ledger.rollout().comparison
    assert comparison is not None
    told = {f"p{i}": asked(worker, f"p{i}") for i in range(60)}
    expected = {each for each in told if is_compared(each, comparison)}
    assert 5 < len(expected) < 35
    eventually(lambda: len(scores_of(worker)) == len(expected))
    eventually(lambda: worker.services.predictions.count() == len(told))
    found = {each.product.product_id for each in scores_of(worker)}
    assert found == expected


def scores_of(worker: Worker) -> list[ShadowScore]:
    return list(worker.services.database.shadow_scores.values())


def test_only_disagreements_are_put_before_people_and_nobody_is_told_of_models(
    worker: Worker,
) -> None:
    begin_trial(worker, share=1e-9)
    answer = asked(worker, "p1")
    score = score_of(worker, answer)
    assert score.selection is not None
    assert score.selection.reason is SelectionReason.DISAGREEMENT
    worker.client.headers["X-API-Key"] = REVIEWER_KEY
    item = worker.client.get("/v1/review/next", params={"reviewer": "anna"}).json()
    assert set(item) == {"prediction_id", "product_id", "title", "description", "image_url"}
    body = {"prediction_id": item["prediction_id"], "category": "books", "reviewer": "anna"}
    receipt = worker.client.post("/v1/labels", json=body)
    assert receipt.status_code == 201
    assert set(receipt.json()) == {"label_id", "stored", "label_space_version"}
    assert worker.client.get(f"/v1/predictions/{answer['prediction_id']}").status_code == 403


def test_where_both_models_agree_nobody_is_asked(worker: Worker) -> None:
    worker.challenge(worker.store(replace(tiny_bundle(), temperature=1.1)), version=2, share=0.5)
    sure = worker.store(replace(tiny_bundle(), temperature=1.2))
    worker.challenge(sure, version=3, share=1e-9, **ALWAYS)
    eventually(lambda: (described(worker)["comparison"] or {}).get("candidate_version") == 3)
    answer = asked(worker, "p1")
    assert not score_of(worker, answer).differs
    assert audited(worker, answer)["selections"] == []
    body = {"prediction_id": answer["prediction_id"], "category": "books", "reviewer": "anna"}
    assert worker.client.post("/v1/labels", json=body).status_code == 409


def test_a_label_by_another_coin_counts_the_disagreement_coin(worker: Worker) -> None:
    """Whichever coin chose a product, its label states the chance of being chosen by any."""
    worker.stop()
    worker.settings = worker.settings.model_copy(
        update={"review_capacity_per_day": 600.0, "second_review_share": 0.0}
    )
    worker.publish(replace(tiny_bundle(), temperature=50.0), version=2)  # doubts everything
    begin_trial(worker, share=1e-9, version=3, shadow_share=1.0, label_probability=0.25)
    drawn = []
    for i in range(60):
        answer = asked(worker, f"p{i}", title=f"book {i}")
        score_of(worker, answer)
        if audited(worker, answer)["selections"]:
            drawn.append(answer)
    reasons = [tuple(s["reason"] for s in audited(worker, each)["selections"]) for each in drawn]
    assert ("low_confidence",) in reasons
    assert ("disagreement",) in reasons
    low = (600 - 100) / (5_000 * 0.25)
    for answer in drawn:
        body = {"prediction_id": answer["prediction_id"], "category": "books", "reviewer": "anna"}
        assert worker.client.post("/v1/labels", json=body).status_code == 201
        inclusion = audited(worker, answer)["inclusion_probability"]
        assert inclusion == pytest.approx(1 - (1 - low) * (1 - 0.25))
    stored = {each.inclusion_probability for each in worker.services.database.labels.values()}
    assert all(each == pytest.approx(1 - (1 - low) * (1 - 0.25)) for each in stored)


def test_an_audit_shows_what_the_other_model_said(worker: Worker) -> None:
    experiment = begin_trial(worker, share=1e-9)
    answer = asked(worker, "p1")
    assert answer["experiment"] == experiment
    score_of(worker, answer)
    audit = audited(worker, answer)
    shadow = audit["shadow"]
    assert shadow["experiment"] == experiment
    assert (shadow["candidate"]["category"], shadow["baseline"]["category"]) == ("shoes", "books")
    assert (shadow["differs"], shadow["label_probability"]) == (True, 1.0)
    (selection,) = audit["selections"]
    assert (selection["reason"], selection["inclusion_probability"]) == ("disagreement", 1.0)
    assert selection["reviews"] in (1, 2)
    assert audit["inclusion_probability"] == 1.0


def test_without_a_comparison_an_audit_shows_no_other_answer(worker: Worker) -> None:
    answer = asked(worker, "p1")
    eventually(lambda: worker.stored(answer["prediction_id"]))
    audit = audited(worker, answer)
    assert (audit["shadow"], audit["inclusion_probability"]) == (None, None)
    assert worker.client.get("/v1/model").json()["comparison"] is None


def test_the_comparison_is_described_and_in_the_history(worker: Worker) -> None:
    experiment = begin_trial(worker, shadow_share=0.5, label_probability=0.125)
    comparison = described(worker)["comparison"]
    del comparison["since"]
    assert comparison == {
        "kind": "trial",
        "experiment": experiment,
        "candidate_version": 2,
        "baseline_version": 1,
        "shadow_share": 0.5,
        "label_probability": 0.125,
    }
    first, challenge = worker.client.get("/v1/rollout").json()["entries"]
    assert (challenge["shadow_share"], challenge["label_probability"]) == (0.5, 0.125)
    assert (first["shadow_share"], first["label_probability"]) == (None, None)


def test_while_postgresql_is_away_answers_and_scores_wait_and_come_once(worker: Worker) -> None:
    begin_trial(worker)
    worker.services.database.down = True
    told = [asked(worker, f"p{i}", title=f"book {i}") for i in range(20)]
    eventually(lambda: counted(worker.metrics, "scored") == 20)
    worker.stop()  # and another process takes over
    worker.services.database.down = False
    assert worker.client.get("/healthz").status_code == 200
    for answer in told:
        assert score_of(worker, answer).prediction_id == answer["prediction_id"]
    assert len(scores_of(worker)) == 20
    eventually(lambda: not worker.spool_files())


class Hanging(FragileBundle):
    """A bundle that thinks about products until it is let go on."""

    def __init__(self, bundle: ModelBundle, released: threading.Event) -> None:
        super().__init__(bundle, "nothing breaks it")
        self._released = released

    def predict_usable(self, inputs: Sequence[Any]) -> Any:
        assert self._released.wait(30)
        return super().predict_usable(inputs)


def test_no_answer_waits_for_a_model_that_hangs(empty_worker: Worker) -> None:
    """What there is no room for meanwhile is left out and counted."""
    worker, released = empty_worker, threading.Event()

    def load(files: Mapping[str, bytes]) -> ModelBundle:
        bundle: Any = ModelBundle.from_files(files)
        return Hanging(bundle, released) if bundle.temperature == 1.5 else bundle

    worker.load_bundle = load
    worker.settings = worker.settings.model_copy(update={"shadow_queue": 5})
    released.set()  # until it is loaded
    worker.publish(tiny_bundle())
    slow = worker.store(replace(tiny_bundle(), temperature=1.5))
    worker.challenge(slow, version=2, share=1e-9, **ALWAYS)
    eventually(lambda: described(worker)["comparison"] is not None)
    released.clear()
    told = [asked(worker, f"p{i}") for i in range(20)]
    assert {each["arm"] for each in told} == {"champion"}
    assert counted(worker.metrics, "scored") == 0
    queued = counted(worker.metrics, "queued")
    assert 5 <= queued < 20
    assert counted(worker.metrics, "dropped") == 20 - queued
    released.set()
    eventually(lambda: counted(worker.metrics, "scored") == queued)


def test_a_fault_in_queueing_reaches_no_answer(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    begin_trial(worker)
    monkeypatch.setattr("ml.serving.shadow.is_compared", broken)
    answer = asked(worker, "p1")
    eventually(lambda: worker.stored(answer["prediction_id"]))
    assert counted(worker.metrics, "failed") == 1


# Products that one of the models can't read.


class Pictures:
    """An image model that says shoes."""

    def predict_proba(self, pictures: list[bytes]) -> Any:
        import numpy as np

        return np.array([[0.2, 0.8]] * len(pictures))


def sees_pictures(temperature: float) -> Callable[[Mapping[str, bytes]], ModelBundle]:
    """Loads the bundle of one temperature with an image model, others as they are."""

    def load(files: Mapping[str, bytes]) -> ModelBundle:
        bundle = ModelBundle.from_files(files)
        return (
            replace(bundle, image=Pictures()) if bundle.temperature == temperature else bundle  # type: ignore[arg-type]  # a fake
        )

    return load


@pytest.mark.parametrize("reader", ["champion", "challenger"])
def test_who_can_read_a_product_answers_it_and_the_others_failure_is_recorded(
    empty_worker: Worker, reader: str
) -> None:
    worker = empty_worker
    worker.load_bundle = sees_pictures(1.0 if reader == "champion" else 1.5)
    worker.publish(tiny_bundle())
    worker.challenge(
        worker.store(replace(tiny_bundle(), temperature=1.5)), version=2, share=0.5, **ALWAYS
    )
    eventually(lambda: described(worker)["comparison"] is not None)
    for arm in ("champion", "challenger"):
        product_id = product_of(worker, arm)
        answer = asked(worker, product_id, image=encoded(jpeg()))
        assert (answer["arm"], answer["category"]) == (reader, "shoes")
        assert answer["model_version"] == {"champion": 1, "challenger": 2}[reader]
        score = score_of(worker, answer)
        reading, failing = answers(score)[:: 1 if reader == "challenger" else -1]
        assert (failing.category, failing.confidence, failing.milliseconds) == (None, 0.0, None)
        assert reading.category == "shoes"
        assert score.selection is not None
    refused = worker.classify(title="<br>")
    assert refused.status_code == 422
    assert "nothing it can read" in refused.json()["error"]["reason"]


def test_in_a_watch_the_former_champion_answers_nothing(empty_worker: Worker) -> None:
    worker = empty_worker
    worker.load_bundle = sees_pictures(1.5)
    worker.publish(replace(tiny_bundle(), temperature=1.5))
    assert worker.classify(image=encoded(jpeg())).status_code == 200
    begin_watch(worker)
    assert worker.classify(image=encoded(jpeg())).status_code == 422


# The queue by itself.

CHAMPION = Champion(1, 1, "a" * 64, 1, NOW)
CHALLENGER = Challenger(2, 2, "b" * 64, 1, NOW, 0.5, 1.0, 1.0)
POLICY = plan_selection(
    confidence_threshold=0.8,
    capacity_per_day=0,
    products_per_day=1,
    low_confidence_share=0,
    audit_share=0,
    disagreements_per_day=0,
    second_review_share=0,
    seed=42,
)


def rollout(
    challenger: Challenger = CHALLENGER, *, bundle: ModelBundle = CONTRARY, share: float = 1.0
) -> ServedRollout:
    terms = Comparison(
        ComparisonKind.TRIAL, challenger.experiment, challenger, CHAMPION, NOW, share, 1.0
    )
    champion = ServedModel(CHAMPION, tiny_bundle())
    tried = ServedModel(challenger, bundle)
    return ServedRollout(champion, tried, ServedComparison(terms, tried, champion))


def answered(served: ServedRollout, product_id: str, picture: bytes | None = None) -> Answered:
    product = Product(product_id, f"book {product_id}", "", None, NOW)
    prediction = Prediction(
        product_id, product, 1, Arm.CHAMPION, 1, (0.9, 0.1), "books", 0.9, NOW, ()
    )
    item = Item(product, picture, False, NOW, None)
    return Answered(prediction, item, served.champion, POLICY, 1.5)


class Kept(Spool):
    """A spool in memory; `full` refuses as a full disk does."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.scores: list[ShadowScore] = []
        self.full = False

    def append(self, records: Sequence[Any], pictures: Mapping[str, bytes]) -> None:
        if self.full:
            raise ServiceUnavailable("no space left")
        self.scores.extend(records)


class Scorer(ShadowScorer):
    """A scorer with its surroundings; nothing runs before it is started."""

    def __init__(self, *, queue: int = 512, served: ServedRollout | None = None) -> None:
        self.metrics, self.spool = Metrics(), Kept()
        self.served = served or rollout()
        super().__init__(
            lambda: self.served,
            InMemoryPredictionCache(),
            self.spool,
            self.metrics,
            queue_products=queue,
        )

    def offered(self, *product_ids: str, picture: bytes | None = None) -> bool:
        """Offer products answered at once; whether they were queued."""
        before = counted(self.metrics, "queued")
        answers = [answered(self.served, each, picture) for each in product_ids]
        self.offer(self.served, answers)
        return counted(self.metrics, "queued") > before

    def scored(self) -> list[str]:
        """Start, and wait until everything queued was dealt with."""
        self.start()
        queued = counted(self.metrics, "queued")
        eventually(
            lambda: (
                counted(self.metrics, "scored") + counted(self.metrics, "failed") >= queued
                and not self._queue
            )
        )
        self.stop()
        return [each.prediction_id for each in self.spool.scores]


def test_products_are_scored_in_the_order_of_their_answers() -> None:
    scorer = Scorer()
    names = [f"p{i}" for i in range(30)]
    for name in names:
        assert scorer.offered(name)
    assert scorer.scored() == names


def test_a_full_queue_leaves_newcomers_out_and_counts_them() -> None:
    scorer = Scorer(queue=5)
    kept = [name for name in map(str, range(9)) if scorer.offered(name)]
    assert kept == ["0", "1", "2", "3", "4"]
    assert counted(scorer.metrics, "dropped") == 4
    assert scorer.scored() == kept


@given(st.lists(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=9), max_size=20))
def test_what_is_left_out_depends_on_the_moment_alone(batches: list[list[str]]) -> None:
    """Other products, answered in the same batches at the same moments, fare the same."""
    ours, theirs = Scorer(queue=10), Scorer(queue=10)
    for number, batch in enumerate(batches):
        others = [f"other {number} {i}" for i in range(len(batch))]
        assert ours.offered(*batch) == theirs.offered(*others, picture=b"a picture")
    total = sum(map(len, batches))
    assert counted(ours.metrics, "queued") + counted(ours.metrics, "dropped") == total
    assert len(ours._queue) <= 10 + 8


def test_many_large_pictures_fill_the_queue_as_many_products_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ml.serving.shadow._MOST_PICTURE_BYTES", 1_000)
    scorer = Scorer()
    assert scorer.offered("p1", picture=b"x" * 1_500)
    assert not scorer.offered("p2")
    assert scorer.scored() == ["p1"]
    assert scorer._picture_bytes == 0


def test_a_comparison_that_ended_drops_its_queued_work() -> None:
    scorer = Scorer()
    for i in range(20):
        scorer.offered(f"p{i}")
    before, scorer.served = scorer.served, rollout(replace(CHALLENGER, entry_id=9))
    scorer.offer(before, [answered(before, "late")])  # an answer that was under way
    scorer.offered("new")
    scorer.start()
    eventually(lambda: counted(scorer.metrics, "dropped") == 21)
    eventually(lambda: counted(scorer.metrics, "scored") == 1)
    scorer.stop()
    assert [each.experiment for each in scorer.spool.scores] == ["trial-9"]


def test_on_shutdown_what_is_queued_is_dropped_and_counted() -> None:
    scorer = Scorer()
    for i in range(7):
        scorer.offered(f"p{i}")
    with scorer._news:  # nothing is taken before the end
        scorer.start()
        scorer._stopping = True
    scorer.stop()
    assert counted(scorer.metrics, "dropped") + counted(scorer.metrics, "scored") == 7
    assert not scorer.offered("too late")
    assert not scorer._thread.is_alive()


def test_a_disk_that_is_full_for_a_while_loses_scores_and_nothing_else() -> None:
    scorer = Scorer()
    scorer.spool.full = True
    scorer.start()
    scorer.offered("p1")
    eventually(lambda: counted(scorer.metrics, "failed") == 1)
    scorer.spool.full = False
    scorer.offered("p2")
    eventually(lambda: counted(scorer.metrics, "scored") == 1)
    scorer.stop()
    assert [each.prediction_id for each in scorer.spool.scores] == ["p2"]


def test_a_product_that_breaks_a_model_is_scored_as_one_without_answer() -> None:
    """Else the model would look the better for it; its neighbours are scored as ever."""
    fragile: Any = FragileBundle(CONTRARY, "p2", "p5")
    scorer = Scorer(served=rollout(bundle=fragile))
    scorer.offered(*(f"p{i}" for i in range(8)))
    assert scorer.scored() == [f"p{i}" for i in range(8)]
    failed = {each.prediction_id for each in scorer.spool.scores if each.candidate.category is None}
    assert failed == {"p2", "p5"}
    assert counted(scorer.metrics, "failed") == 2
