import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.digests import digest_bytes
from ml.domain.errors import ServiceUnavailable
from ml.domain.predictions import Prediction
from ml.domain.products import picture_key
from ml.serving.drain import Drainer
from ml.serving.metrics import Metrics
from ml.serving.spool import Spool
from tests.fakes import FakeServices
from tests.fakes.serving import eventually, jpeg, made_predictions


@dataclass
class Log:
    """Keeps every delivery, one at a time; `fault` is called before each."""

    fault: Callable[[Sequence[Prediction]], None] = lambda _: None
    deliveries: list[str] = field(default_factory=list)
    stored: dict[str, Prediction] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, predictions: Sequence[Prediction]) -> int:
        self.fault(predictions)
        with self._lock:
            before = len(self.stored)
            for prediction in predictions:
                self.deliveries.append(prediction.prediction_id)
                self.stored.setdefault(prediction.prediction_id, prediction)
            return len(self.stored) - before


def away(*_: object) -> None:
    raise ServiceUnavailable("away")


@dataclass
class Parts:
    services: FakeServices
    spool: Spool
    drainer: Drainer
    metrics: Metrics

    def ids(self) -> set[str]:
        return set(self.services.database.predictions)

    def scores(self) -> set[str]:
        return {each.prediction_id for each in self.services.database.shadow_scores.values()}

    def outcome(self, name: str) -> float:
        text = self.metrics.render().decode()
        key = f'regain_spool_rows_total{{outcome="{name}"}} '
        return sum(float(line[len(key) :]) for line in text.splitlines() if line.startswith(key))


def make_parts(folder: Path, services: FakeServices | None = None) -> Parts:
    services = services or FakeServices()
    spool, metrics = Spool(folder), Metrics()
    drainer = Drainer(spool, services.predictions, services.shadows, services.objects, metrics)
    return Parts(services, spool, drainer, metrics)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return make_parts(tmp_path)


def files(parts: Parts) -> list[Path]:
    return [path for path in parts.spool.folder.rglob("*") if path.is_file()]


def scores_for(predictions: Sequence[Prediction]) -> list[ShadowScore]:
    """What a comparison's models said of them."""
    ours, theirs = ScoredAnswer("books", 0.75, 1.5), ScoredAnswer("shoes", 0.5)
    return [
        ShadowScore(
            "trial-7", each.prediction_id, each.product, each.predicted_at, theirs, ours, 0.5
        )
        for each in predictions
    ]


def ids_of(predictions: Sequence[Prediction]) -> set[str]:
    return {prediction.prediction_id for prediction in predictions}


def test_what_is_stored_leaves_the_disk(parts: Parts) -> None:
    predictions = made_predictions(1_200)
    parts.spool.append(predictions, {})
    assert parts.drainer.drain()
    assert parts.ids() == ids_of(predictions)
    assert not files(parts)
    assert parts.outcome("stored") == 1_200


def test_rows_wait_in_one_segment_while_postgresql_is_away(parts: Parts) -> None:
    parts.services.database.down = True
    predictions = made_predictions(50)
    for prediction in predictions:
        parts.spool.append([prediction], {})
        assert not parts.drainer.drain()
    assert len(files(parts)) == 2  # one was closed before the outage was known
    parts.services.database.down = False
    parts.drainer.drain()
    parts.drainer.drain()
    assert parts.ids() == ids_of(predictions)
    assert not files(parts)


def test_a_crash_between_storing_and_removing_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_parts(tmp_path)
    predictions = made_predictions(5)
    first.spool.append(predictions, {})
    with monkeypatch.context() as patched:
        patched.setattr("ml.serving.segments.Segment.remove", away)
        first.drainer.drain()
    assert first.ids() == ids_of(predictions)
    first.spool.close()
    second = make_parts(tmp_path, first.services)
    second.spool.adopt_orphans()
    second.drainer.drain()
    assert second.ids() == ids_of(predictions)
    assert second.outcome("stored") == 0
    assert not files(second)


def test_a_torn_last_line_is_dropped_and_counted(tmp_path: Path) -> None:
    owner = Spool(tmp_path)
    predictions = made_predictions(2)
    owner.append(predictions, {})
    owner.close()
    (path,) = tmp_path.glob("*.ndjson")
    path.write_bytes(path.read_bytes() + b'{"prediction_id":"torn","prod')
    parts = make_parts(tmp_path)
    parts.spool.adopt_orphans()
    parts.drainer.drain()
    assert parts.ids() == ids_of(predictions)
    assert parts.outcome("torn") == 1
    assert not files(parts)


def test_a_row_that_is_refused_is_set_aside_and_blocks_nobody(parts: Parts) -> None:
    predictions = made_predictions(100)
    poison = replace(predictions[37], product=replace(predictions[37].product, title="a\0b"))
    predictions[37] = poison
    parts.spool.append(predictions, {})
    parts.drainer.drain()
    assert parts.ids() == ids_of(predictions) - {poison.prediction_id}
    (rejected,) = (parts.spool.folder / "rejected").iterdir()
    record = json.loads(rejected.read_text())
    assert "NUL" in record["reason"]
    assert json.loads(record["row"])["prediction_id"] == poison.prediction_id
    assert parts.outcome("rejected") == 1
    assert not parts.spool.waiting()


def test_a_line_that_is_no_prediction_is_set_aside(tmp_path: Path) -> None:
    (good,) = made_predictions(1)
    owner = Spool(tmp_path)
    owner.append([good], {})
    owner.close()
    (path,) = tmp_path.glob("*.ndjson")
    path.write_bytes(b"not json\n" + path.read_bytes())
    parts = make_parts(tmp_path)
    parts.spool.adopt_orphans()
    parts.drainer.drain()
    assert parts.ids() == {good.prediction_id}
    assert len(list((tmp_path / "rejected").iterdir())) == 1


def test_a_fault_nobody_expected_keeps_its_rows_and_lets_others_pass(tmp_path: Path) -> None:
    services, metrics, spool = FakeServices(), Metrics(), Spool(tmp_path)
    cursed, *others = made_predictions(3)

    def fault(predictions: Sequence[Prediction]) -> None:
        if cursed in predictions:
            raise RuntimeError("a bug")

    log = Log(fault)
    drainer = Drainer(spool, log, services.shadows, services.objects, metrics)  # type: ignore[arg-type]  # a part of it
    for prediction in (cursed, *others):
        spool.append([prediction], {})
        drainer.drain()
    assert set(log.stored) == ids_of(others)
    assert len(spool.waiting()) == 1


def test_pictures_reach_the_object_store_before_their_rows(tmp_path: Path) -> None:
    services, spool = FakeServices(), Spool(tmp_path)
    picture = jpeg()
    digest = digest_bytes(picture)
    there: list[bool] = []
    log = Log(lambda _: there.append(services.objects.exists(picture_key(digest))))
    drainer = Drainer(spool, log, services.shadows, services.objects, Metrics())  # type: ignore[arg-type]  # a part of it
    spool.append(made_predictions(3, picture=digest), {digest: picture})
    drainer.drain()
    assert there == [True]
    assert services.objects.get(picture_key(digest)) == picture
    assert not spool.pictures()


def test_while_the_object_store_is_away_pictures_wait_with_their_rows(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = jpeg()
    digest = digest_bytes(picture)
    parts.spool.append(made_predictions(1, picture=digest), {digest: picture})
    with monkeypatch.context() as patched:
        patched.setattr(parts.services.objects, "put", away)
        assert not parts.drainer.drain()
    assert not parts.ids()
    assert len(parts.spool.pictures()) == 1
    parts.drainer.drain()
    assert len(parts.ids()) == 1
    assert parts.services.objects.get(picture_key(digest)) == picture


def run_worker(folder: Path, log: Log, share: list[Prediction], *, drains: bool) -> None:
    """A worker that stores what it can and ends, or one that dies before it stored anything."""
    spool = Spool(folder)
    services = FakeServices()
    drainer = Drainer(spool, log, services.shadows, services.objects, Metrics())  # type: ignore[arg-type]  # a part
    if drains:
        drainer.start()
    for prediction in share:
        spool.append([prediction], {})
    if drains:
        eventually(lambda: len(log.stored) == 600)
        drainer.stop()
    else:
        spool.close()


def test_workers_that_share_a_folder_store_every_row_once(tmp_path: Path) -> None:
    """Six workers write at once; three of them die, and the others take over."""
    log = Log()
    predictions = made_predictions(600)
    threads = [
        threading.Thread(
            target=run_worker,
            args=(tmp_path, log, predictions[number::6]),
            kwargs={"drains": number % 2 == 1},
        )
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(log.stored) == ids_of(predictions)
    assert len(log.deliveries) == 600
    assert not list(tmp_path.glob("*.ndjson"))


def test_a_stopped_drainer_has_stored_what_it_could(parts: Parts) -> None:
    parts.drainer.start()
    predictions = made_predictions(30)
    parts.spool.append(predictions, {})
    parts.drainer.stop()
    assert parts.ids() == ids_of(predictions)


def test_pictures_whose_row_never_came_are_not_kept_on_disk_for_ever(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = jpeg()
    parts.spool.append([], {digest_bytes(picture): picture})
    monkeypatch.setattr("ml.serving.spooled_pictures._FORGOTTEN_SECONDS", -1.0)
    parts.drainer.start()
    eventually(lambda: not parts.spool.pictures())
    parts.drainer.stop()
    assert parts.services.objects.get(picture_key(digest_bytes(picture))) == picture


def test_a_torn_picture_is_not_stored_and_its_row_is(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    digest = digest_bytes(jpeg())
    (prediction,) = made_predictions(1, picture=digest)
    parts.spool.append([prediction], {digest: jpeg()})
    parts.spool.picture_path(digest).write_bytes(jpeg()[:100])
    parts.drainer.drain()
    assert parts.ids() == {prediction.prediction_id}
    assert not parts.services.objects.exists(picture_key(digest))
    assert not parts.spool.pictures()
    assert digest in caplog.text


def test_scores_follow_their_predictions(parts: Parts) -> None:
    predictions = made_predictions(20)
    for prediction in predictions:
        parts.spool.append([prediction], {})
        parts.spool.append(scores_for([prediction]), {})
    parts.drainer.drain()
    assert parts.ids() == parts.scores() == ids_of(predictions)
    assert parts.outcome("stored") == 40
    assert not files(parts)


def test_scores_wait_with_their_predictions_while_postgresql_is_away(parts: Parts) -> None:
    predictions = made_predictions(3)
    parts.services.database.down = True
    parts.spool.append(predictions, {})
    parts.drainer.drain()
    parts.spool.append(scores_for(predictions), {})
    assert not parts.drainer.drain()
    assert parts.spool.backlog()[0] == 6
    parts.services.database.down = False
    parts.drainer.drain()
    parts.drainer.drain()
    assert parts.scores() == ids_of(predictions)
    assert not files(parts)


def test_a_score_whose_prediction_another_worker_still_has_waits_for_it(tmp_path: Path) -> None:
    """A dead worker's files went to two heirs, its scores to the faster one."""
    made = made_predictions(5)
    predictions, others = made[:3], made[3:]
    heir = make_parts(tmp_path / "one")
    heir.spool.append([*scores_for(predictions), *others, *scores_for(others)], {})
    heir.drainer.drain()
    assert heir.scores() == ids_of(others)
    assert len(heir.spool.waiting()) == 1
    heir.services.predictions.append(predictions)
    heir.drainer.start()  # its next sweep
    eventually(lambda: heir.scores() == ids_of(predictions) | ids_of(others))
    eventually(lambda: not files(heir))
    heir.drainer.stop()
    assert heir.outcome("rejected") == 0


def test_a_score_whose_prediction_never_comes_is_set_aside_in_the_end(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan, kept = made_predictions(2)
    parts.spool.append([kept, *scores_for([orphan, kept])], {})
    parts.drainer.drain()
    assert parts.outcome("rejected") == 0
    monkeypatch.setattr("ml.serving.drain._PATIENCE_SECONDS", -1.0)
    parts.drainer.start()
    eventually(lambda: parts.outcome("rejected") == 1)
    parts.drainer.stop()
    (rejected,) = (parts.spool.folder / "rejected").iterdir()
    assert orphan.prediction_id in json.loads(rejected.read_text())["reason"]
    assert parts.scores() == {kept.prediction_id}
    assert not parts.spool.waiting()


def test_a_score_that_is_refused_is_set_aside_and_blocks_nobody(parts: Parts) -> None:
    predictions = made_predictions(9)
    scores = scores_for(predictions)
    scores[4] = replace(scores[4], candidate=ScoredAnswer("a\0b", 0.5))
    parts.spool.append([*predictions, *scores], {})
    parts.drainer.drain()
    assert parts.ids() == ids_of(predictions)
    assert parts.scores() == ids_of(predictions) - {predictions[4].prediction_id}
    assert parts.outcome("rejected") == 1
    assert not parts.spool.waiting()


def test_a_score_delivered_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_parts(tmp_path)
    predictions = made_predictions(4)
    first.spool.append([*predictions, *scores_for(predictions)], {})
    with monkeypatch.context() as patched:
        patched.setattr("ml.serving.segments.Segment.remove", away)
        first.drainer.drain()
    first.spool.close()
    second = make_parts(tmp_path, first.services)
    second.spool.adopt_orphans()
    second.drainer.drain()
    assert second.scores() == ids_of(predictions)
    assert second.outcome("stored") == 0
    assert not files(second)
