"""The fire drill: known-bad models are stopped by whom the matrix says, and by nobody else."""

import json
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from pathlib import Path

import pytest

from ml.domain.drift import Action
from ml.domain.errors import DrillFailed, InvalidInput
from ml.tasks.drill_matrix import MATRIX, DrillResult, check_drill
from ml.tasks.drill_models import MAX_SLOW_SECONDS, MIN_PRODUCTS
from ml.tasks.fire_drill import fire_drill
from ml.wiring.config import Settings
from tests.fakes import FakeServices, InMemoryAlertOutbox
from tests.unit.tasks.installation import START, WORDS, import_titles, retrain

AT = START + timedelta(days=330)
OPEN_GATE = {
    "gate_max_f1_drop": 1.0,
    "gate_max_class_f1_drop": 1.0,
    "gate_max_calibration_error": 1.0,
    "gate_max_latency_ms": 1e9,
}
DEAF_JUDGE = {"judge_false_stop_rate": 1e-300, "guardrail_false_stop_rate": 1e-300}
EVERY_CELL = {(model, guard) for model in MATRIX for guard in ("gate", "judge")}

Drill = Callable[..., DrillResult]


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def install(state: Path, products: int, *, noise: float) -> FakeServices:
    services = FakeServices(Settings(state=state, seed=7))
    import_titles(services, range(products), noise=noise, categories=WORDS)
    retrain(services)
    return services


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> FakeServices:
    """A champion that errs on a quarter of the products, as models do."""
    return install(tmp_path_factory.mktemp("state"), 1_800, noise=0.25)


@pytest.fixture
def services(noisy: FakeServices) -> FakeServices:
    """The same with an outbox of the test's own."""
    own = copy(noisy)
    own.alerts = InMemoryAlertOutbox()
    return own


def hold(
    services: FakeServices, watch: Watch | None = None, **settings: float | str
) -> DrillResult:
    """A drill under other settings, in which nothing takes time but sleeping."""
    drilled, watch = copy(services), watch or Watch()
    drilled.settings = Settings(**{**services.settings.model_dump(), **settings})
    return fire_drill(as_of=AT.isoformat(), services=drilled, clock=watch, sleep=watch.sleep)


def cells(result: DrillResult, verdict: str) -> set[tuple[str, str]]:
    return {
        (cell["model"], cell["guard"]) for cell in result["cells"] if cell["verdict"] == verdict
    }


def must_stop(guard: str) -> set[tuple[str, str]]:
    return {(model, guard) for model, stops in MATRIX.items() if getattr(stops, guard)}


def test_gate_and_judge_do_as_published(services: FakeServices) -> None:
    before = services.ledger.history(), services.registry.aliases()
    result = hold(services)
    assert cells(result, "ok") == EVERY_CELL
    assert [cell["expected"] for cell in result["cells"]] == [
        cell["said"] for cell in result["cells"]
    ]
    assert result["alert"] is None
    assert services.alerts.history() == []
    check_drill(result)
    assert (services.ledger.history(), services.registry.aliases()) == before


def test_the_result_can_be_passed_on(services: FakeServices) -> None:
    result = hold(services)
    assert json.loads(json.dumps(result)) == result
    assert result["model_version"] == 1
    assert result["products"] >= MIN_PRODUCTS
    assert all(cell["reason"] for cell in result["cells"])


@pytest.mark.parametrize(
    ("settings", "guard"), [(OPEN_GATE, "gate"), (DEAF_JUDGE, "judge")], ids=["gate", "judge"]
)
def test_without_a_guard_the_drill_fails_and_calls_for_people(
    services: FakeServices, settings: dict[str, float], guard: str
) -> None:
    result = hold(services, **settings)
    assert cells(result, "failed") == must_stop(guard)
    assert cells(result, "ok") == EVERY_CELL - must_stop(guard)
    with pytest.raises(DrillFailed, match=f"the {guard} let pass: shuffled labels"):
        check_drill(result)
    (record,) = services.alerts.history()
    assert record.alert.alert_id == result["alert"]
    assert (record.alert.action, record.alert.at) == (Action.REPAIR, AT)
    assert (record.alert.model_version, record.alert.numbers["failed"]) == (
        1,
        len(must_stop(guard)),
    )
    assert "fire drill failed" in record.alert.reason


def test_the_same_drill_twice_raises_one_alert(services: FakeServices) -> None:
    first, second = hold(services, **OPEN_GATE), hold(services, **OPEN_GATE)
    assert first == second
    assert len(services.alerts.history()) == 1


@pytest.mark.parametrize(
    ("settings", "cell"),
    [
        ({"gate_max_latency_ms": 1e9}, ("slow", "gate")),
        ({"gate_max_calibration_error": 1.0}, ("overconfident", "gate")),
        ({"guardrail_max_p95_ms": 1e9}, ("slow", "judge")),
        ({"judge_false_stop_rate": 1e-300}, ("swapped label space", "judge")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_one_bound_too_wide_is_found(
    services: FakeServices, settings: dict[str, float], cell: tuple[str, str]
) -> None:
    assert cell in cells(hold(services, **settings), "failed")


def test_a_guard_that_stops_everything_fails(services: FakeServices) -> None:
    result = hold(services, gate_max_calibration_error=0.0)
    failed = cells(result, "failed")
    assert failed == {("champion itself", "gate")}
    with pytest.raises(DrillFailed, match="the gate stopped: champion itself"):
        check_drill(result)


def test_the_rule_of_observed_accuracy_knows_no_guardrail(services: FakeServices) -> None:
    result = hold(services, judge_policy="observed_drop")
    assert cells(result, "failed") == {("slow", "judge")}


def test_no_limit_makes_the_slow_model_sleep_for_long(services: FakeServices) -> None:
    watch = Watch()
    hold(services, watch, gate_max_latency_ms=1e9)
    assert watch.seconds <= 21 * MAX_SLOW_SECONDS


def test_what_the_products_cannot_show_is_undecided(tmp_path: Path) -> None:
    """A champion that never errs can't be too sure of itself, and no guard is to blame."""
    flawless = install(tmp_path, 700, noise=0.0)
    result = hold(flawless)
    assert cells(result, "undecided") == {("overconfident", "gate")}
    assert cells(result, "ok") == EVERY_CELL - {("overconfident", "gate")}
    assert "undecided: overconfident at the gate" in result["summary"]
    check_drill(result)
    assert flawless.alerts.history() == []


def test_a_guard_that_is_off_is_not_excused_by_few_labels(tmp_path: Path) -> None:
    few = install(tmp_path, 700, noise=0.0)
    result = hold(few, **DEAF_JUDGE)
    assert cells(result, "failed") == must_stop("judge")


def test_too_few_products_are_no_drill_and_no_alert(tmp_path: Path) -> None:
    small = install(tmp_path, 200, noise=0.0)
    with pytest.raises(InvalidInput, match="not enough recorded products"):
        hold(small)
    assert small.alerts.history() == []


def test_without_a_champion_there_is_nothing_to_drill(tmp_path: Path) -> None:
    result = hold(FakeServices(Settings(state=tmp_path)))
    assert (result["cells"], result["model_version"]) == ([], None)
    check_drill(result)
