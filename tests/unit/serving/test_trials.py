"""A challenger on trial as users see it: its share, its end, and nothing of it elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ml.domain.labels import LabelSpace
from ml.models.bundle import ModelBundle
from tests.fakes.bundles import FragileBundle, tiny_bundle
from tests.fakes.serving import NOW, Worker, encoded, eventually, jpeg

FLAT = replace(tiny_bundle(), temperature=50.0)
"""So unsure of every product that its answers are told from the champion's."""


def begin_trial(
    worker: Worker, *, share: float = 0.5, bundle: ModelBundle = FLAT, version: int = 2
) -> str:
    """Version 2 on trial in this worker; returns the experiment's name."""
    space = bundle.label_space.version
    experiment = worker.challenge(worker.store(bundle), version=version, share=share, space=space)
    eventually(lambda: described(worker)["challenger"] is not None)
    return experiment


def described(worker: Worker) -> dict[str, Any]:
    return dict(worker.client.get("/v1/model").json())


def asked(worker: Worker, product_id: str = "p1", **product: Any) -> dict[str, Any]:
    response = worker.classify(product_id=product_id, title="a good book", **product)
    assert response.status_code == 200
    return dict(response.json())


def product_of(worker: Worker, arm: str) -> str:
    """A product that this arm answers."""
    return next(f"p{i}" for i in range(200) if asked(worker, f"p{i}")["arm"] == arm)


def test_the_challenger_answers_its_share_of_the_products(worker: Worker) -> None:
    assert worker.arms(50) == ["champion"] * 50
    begin_trial(worker, share=0.3)
    arms = worker.arms(300)
    assert 60 <= arms.count("challenger") <= 120
    assert worker.arms(300) == arms


def test_who_is_on_trial_is_told(worker: Worker) -> None:
    experiment = begin_trial(worker, share=0.25)
    model = described(worker)
    assert model["model_version"] == 1
    assert model["challenger"]["model_version"] == 2
    assert model["challenger"]["share"] == 0.25
    assert model["challenger"]["experiment"] == experiment
    text = worker.client.get("/metrics").text
    assert "regain_model_version 1.0" in text
    assert "regain_challenger_version 2.0" in text
    assert worker.client.get("/readyz").json() == {
        "status": "ready",
        "model_version": 1,
        "problem": None,
    }


def test_each_answer_names_its_arm_and_both_arms_name_the_trial(worker: Worker) -> None:
    experiment = begin_trial(worker)
    for arm, version in (("champion", 1), ("challenger", 2)):
        answer = asked(worker, product_of(worker, arm))
        assert (answer["arm"], answer["model_version"]) == (arm, version)
        eventually(lambda: worker.stored(answer["prediction_id"]))  # noqa: B023 - called at once
        audit = worker.client.get(f"/v1/predictions/{answer['prediction_id']}").json()
        assert (audit["arm"], audit["model_version"]) == (arm, version)
        assert audit["experiment"] == experiment


def test_a_product_that_breaks_the_challenger_is_answered_by_the_champion(worker: Worker) -> None:
    def load(files: Mapping[str, bytes]) -> ModelBundle:
        bundle: Any = ModelBundle.from_files(files)
        return FragileBundle(bundle, "book") if bundle.temperature == FLAT.temperature else bundle

    colleague = worker.colleague(load_bundle=load)
    begin_trial(worker, share=1.0)
    eventually(lambda: described(colleague)["challenger"] is not None)
    products = [
        {"product_id": "p1", "title": "a good shoe"},
        {"product_id": "p2", "title": "a good book"},
    ]
    batch = colleague.client.post("/v1/classify/batch", json={"products": products})
    assert [each["arm"] for each in batch.json()["predictions"]] == ["challenger", "champion"]
    colleague.stop()


def test_after_a_rollback_nothing_is_answered_by_the_challenger(worker: Worker) -> None:
    begin_trial(worker, share=1.0)
    assert set(worker.arms(10)) == {"challenger"}
    worker.roll_back(version=2)
    eventually(lambda: described(worker)["challenger"] is None)
    assert set(worker.arms(50)) == {"champion"}
    answer = asked(worker)
    eventually(lambda: worker.stored(answer["prediction_id"]))
    assert worker.services.predictions.get(answer["prediction_id"]).experiment is None


def test_every_worker_sends_a_product_to_the_same_side(worker: Worker) -> None:
    colleague = worker.colleague()
    begin_trial(worker, share=0.4)
    eventually(lambda: described(colleague)["challenger"] is not None)
    assert worker.arms(60) == colleague.arms(60)
    worker.roll_back(version=2)
    for each in (worker, colleague):
        eventually(lambda: described(each)["challenger"] is None)  # noqa: B023 - called at once
        assert set(each.arms(20)) == {"champion"}
    colleague.stop()


def test_a_worker_that_cannot_load_the_challenger_answers_all_with_the_champion(
    worker: Worker,
) -> None:
    def broken(files: Mapping[str, bytes]) -> ModelBundle:
        bundle = ModelBundle.from_files(files)
        if bundle.temperature == FLAT.temperature:
            raise ValueError("not here")
        return bundle

    colleague = worker.colleague(load_bundle=broken)
    begin_trial(worker, share=1.0)
    eventually(
        lambda: (
            "the champion answers every product"
            in str(colleague.client.get("/readyz").json()["problem"])
        )
    )
    assert set(colleague.arms(20)) == {"champion"}
    assert set(worker.arms(20)) == {"challenger"}
    answer = asked(colleague)
    eventually(lambda: colleague.stored(answer["prediction_id"]))
    assert worker.services.predictions.get(answer["prediction_id"]).experiment is None
    colleague.stop()


def test_cached_answers_stay_with_their_arm(worker: Worker) -> None:
    sure = asked(worker)["confidence"]
    assert asked(worker)["confidence"] == sure
    begin_trial(worker, share=1.0)
    unsure = asked(worker)["confidence"]
    assert unsure < 0.6 < sure
    assert asked(worker)["confidence"] == unsure
    worker.roll_back(version=2)
    eventually(lambda: asked(worker)["arm"] == "champion")
    assert asked(worker)["confidence"] == sure


@pytest.mark.parametrize("redis_down", [False, True])
def test_cached_answers_of_a_rolled_back_champion_are_never_served_again(
    worker: Worker, redis_down: bool
) -> None:
    """Every product was answered, and cached, by both before."""
    products = [f"p{i}" for i in range(10)]
    first = [asked(worker, each)["confidence"] for each in products]
    worker.promote(worker.store(FLAT), version=2, shadow_share=1.0, label_probability=1.0)
    eventually(lambda: described(worker)["model_version"] == 2)
    assert all(asked(worker, each)["model_version"] == 2 for each in products)
    worker.services.cache.down = redis_down
    worker.roll_back(version=2)
    eventually(lambda: described(worker)["model_version"] == 1)
    again = [asked(worker, each) for each in products]
    assert {each["model_version"] for each in again} == {1}
    assert [each["confidence"] for each in again] == first


def test_the_same_version_promoted_again_with_other_files_has_a_cache_of_its_own(
    worker: Worker,
) -> None:
    sure = asked(worker)["confidence"]
    worker.publish(FLAT, version=2)
    eventually(lambda: described(worker)["model_version"] == 2)
    assert asked(worker)["confidence"] < 0.6 < sure
    worker.publish(replace(tiny_bundle(), temperature=5.0), version=3)
    eventually(lambda: described(worker)["model_version"] == 3)
    assert 0.6 < asked(worker)["confidence"] < sure


def test_a_worker_that_joins_late_compares_as_the_others_do(worker: Worker) -> None:
    shadow = {"shadow_share": 0.5, "label_probability": 0.25}
    worker.challenge(worker.store(FLAT), version=2, share=0.5, **shadow)
    eventually(lambda: described(worker)["comparison"] is not None)
    colleague = worker.colleague()
    eventually(lambda: described(colleague)["comparison"] == described(worker)["comparison"])
    for each in (worker, colleague):
        each.services.cache.down = True
    assert colleague.arms(30) == worker.arms(30)
    colleague.stop()


def test_a_batch_is_split_between_the_arms_and_answered_in_order(worker: Worker) -> None:
    begin_trial(worker)
    ids = [product_of(worker, arm) for arm in ("challenger", "champion", "challenger")]
    products = [
        {"product_id": each, "title": title}
        for each, title in zip(ids, ["shoe", "book", "book"], strict=True)
    ]
    answers = worker.client.post("/v1/classify/batch", json={"products": products}).json()
    assert [
        (each["product_id"], each["arm"], each["category"]) for each in answers["predictions"]
    ] == [
        (ids[0], "challenger", "shoes"),
        (ids[1], "champion", "books"),
        (ids[2], "challenger", "books"),
    ]


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_a_batch_is_answered_whole_or_not_at_all(worker: Worker, arm: str) -> None:
    begin_trial(worker)
    unreadable, other = (
        product_of(worker, each)
        for each in (arm, {"champion", "challenger"}.difference([arm]).pop())
    )
    eventually(lambda: not worker.spool_files())
    before = worker.services.predictions.count()
    products = [{"product_id": other, "title": "book"}, {"product_id": unreadable, "title": "<br>"}]
    response = worker.client.post("/v1/classify/batch", json={"products": products})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "products.1"
    assert not worker.spool_files()
    assert worker.services.predictions.count() == before


def test_while_postgresql_is_away_both_arms_answer(worker: Worker) -> None:
    begin_trial(worker)
    arms = worker.arms(40)
    worker.services.database.down = True
    assert worker.arms(40) == arms
    eventually(lambda: worker.client.get("/readyz").json()["problem"] is not None)
    assert worker.arms(40) == arms


def test_a_worker_that_starts_while_postgresql_is_away_tries_nobody(worker: Worker) -> None:
    begin_trial(worker, share=1.0)
    worker.stop()
    worker.services.database.down = True
    assert set(worker.arms(5)) == {"champion"}
    worker.services.database.down = False
    eventually(lambda: set(worker.arms(5)) == {"challenger"})


def test_arms_may_speak_different_label_spaces(worker: Worker) -> None:
    """The tiny model has learnt the first two classes of any space."""
    wider = LabelSpace(2, ("books", "shoes", "lamps"))
    worker.services.label_spaces.extend(["lamps"], cause="review", at=NOW)
    begin_trial(worker, bundle=tiny_bundle(wider))
    challenger = asked(worker, product_of(worker, "challenger"))
    champion = asked(worker, product_of(worker, "champion"))
    assert (challenger["label_space_version"], len(challenger["top5"])) == (2, 3)
    assert (champion["label_space_version"], len(champion["top5"])) == (1, 2)


def test_a_request_repeated_after_the_challenger_was_promoted_is_the_same_prediction(
    worker: Worker,
) -> None:
    begin_trial(worker, share=1.0)
    first = asked(worker, request_id="order 7")
    worker.promote(worker.store(FLAT), version=2)
    eventually(lambda: described(worker)["model_version"] == 2)
    again = asked(worker, request_id="order 7")
    assert (first["arm"], again["arm"]) == ("challenger", "champion")
    assert first["prediction_id"] == again["prediction_id"]


def test_a_cached_answer_has_the_signals_of_a_fresh_one(worker: Worker) -> None:
    product = {"title": "a good Book 7", "description": "new", "image": encoded(jpeg())}
    answers = [worker.classify(**product).json() for _ in range(2)]
    assert 'regain_cache_total{result="hit"} 1.0' in worker.client.get("/metrics").text
    for each in answers:
        eventually(lambda: worker.stored(each["prediction_id"]))  # noqa: B023 - called at once
    fresh, cached = (worker.services.predictions.get(each["prediction_id"]) for each in answers)
    assert cached.signals == fresh.signals
    assert fresh.signals["known_word_share"] == pytest.approx(1 / 2)
    assert fresh.signals["has_picture"] == 1
    assert "image_confidence" not in fresh.signals


@pytest.mark.parametrize("damage", ["torn", "older", "nonsense"])
def test_a_damaged_cache_entry_is_a_miss(worker: Worker, damage: str) -> None:
    first = asked(worker)
    ((key, entry),) = worker.services.cache._entries.items()
    worker.services.cache.put(
        {key: {"torn": entry[:-1], "older": entry[:8], "nonsense": b"\xff" * len(entry)}[damage]}
    )
    assert asked(worker)["confidence"] == first["confidence"]
    assert worker.services.cache._entries[key] == entry
