"""`make demo`: an installation of its own, a catalogue to play, the loop, the report."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ml.adapters.catalogues import open_catalogue
from ml.demo.loop import Loop
from ml.demo.plan import DemoPlan, choose_cut, make_plan
from ml.demo.report import DemoReport, show
from ml.demo.stages import Stage, Stages
from ml.domain.errors import InvalidInput
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace
from ml.simulation.replay import replay, write_catalogue
from ml.stack import control
from ml.stack.service import ComponentStatus, State
from ml.wiring.config import Settings

FOLDER = "demo"
MARKER = ".regain-demo"
REAL_SERVICES = (
    *("database_url", "airflow_database_url", "mlflow_database_url", "redis_url", "objects_url"),
    *("mlflow_url", "airflow_url", "serving_url"),
)
CATALOGUE = "catalogue"
REPORT = "report.json"
OPENS = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What to play. Without `data` a marketplace of `bootstrap` + `first` + `later` products is
    made; `keep` leaves the services running."""

    data: Path | None = None
    bootstrap_before: datetime | None = None
    bootstrap: int = 2_500
    first: int = 800
    later: int = 500
    keep: bool = False


def run_demo(
    settings: Settings,
    options: DemoOptions,
    console: Console,
    *,
    on_stage: Callable[[str, Settings], None] = lambda _name, _settings: None,
) -> DemoReport:
    """Play the loop in `<state>/demo`, an installation of its own that is made anew each time.

    `on_stage` hears the name of each stage as it begins. Raises RegainError where the loop can't
    go on; the services are stopped in any case unless `options.keep`.
    """
    started = time.monotonic()
    settings = _fresh(settings)
    stages = Stages(console, lambda name: on_stage(name, settings))
    catalogue = options.data or _make_catalogue(settings, options, stages)
    plan = _plan(catalogue, options, stages)
    settings = _staffed(settings, plan)
    with _running(settings, stages, keep=options.keep), Loop(settings, plan, stages) as loop:
        played = loop.play(catalogue)
    report = replace(played, seconds=time.monotonic() - started, stage_seconds=dict(stages.seconds))
    path = settings.state / REPORT
    report.write(path)
    show(report, path, console, kept=options.keep)
    return report


def _fresh(settings: Settings) -> Settings:
    """Settings of an empty installation; an earlier demo's is stopped and removed.

    Its services are embedded whatever the environment names: a demo touches nothing real.
    """
    embedded = dict.fromkeys(REAL_SERVICES)
    settings = settings.model_copy(
        update={**embedded, "state": settings.state.resolve() / FOLDER, "replay": True}
    )
    folder = settings.state
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise InvalidInput(f"{folder} is not an earlier demo's; move it away")
        control.down(settings)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return settings


def _make_catalogue(settings: Settings, options: DemoOptions, stages: Stages) -> Path:
    folder = settings.state / CATALOGUE
    count = options.bootstrap + options.first + options.later + 1
    with stages.stage("marketplace", f"Make a marketplace of {count} products") as stage:
        stage.expect(count)
        market = Marketplace(seed=settings.seed, opens_at=OPENS)
        write_catalogue(_counted(market.products(count), stage), folder)
    return folder


def _plan(catalogue: Path, options: DemoOptions, stages: Stages) -> DemoPlan:
    with stages.stage("plan", "Read the catalogue"):
        listings = open_catalogue(catalogue).listings()
        times = sorted(listing.listed_at for listing in listings)
        made = options.data is None
        cut = options.bootstrap_before or (times[options.bootstrap] if made else choose_cut(times))
        return make_plan(
            replay(listing for listing in listings if listing.listed_at >= cut),
            cut,
            first=options.first,
            later=options.later,
        )


def _staffed(settings: Settings, plan: DemoPlan) -> Settings:
    """Reviewers for four in ten products: a small team for a small marketplace."""
    products_per_day = len(plan.first.products) / max(plan.first.days, 1e-6)
    return settings.model_copy(
        update={
            "products_per_day": products_per_day,
            "review_capacity_per_day": 0.4 * products_per_day,
            "audit_share": 0.1,
        }
    )


@contextmanager
def _running(settings: Settings, stages: Stages, *, keep: bool) -> Iterator[None]:
    """The stack, stopped at the end whatever happens."""
    try:
        with stages.stage("up", "Start PostgreSQL, Redis, MLflow, Airflow and serving") as stage:
            control.up(settings, report=_StartupBar(stage))
        yield
    finally:
        if not keep:
            with stages.stage("down", "Stop everything"):
                control.down(settings)


class _StartupBar:
    """Shows which services are healthy already."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._states: dict[str, State] = {}

    def __call__(self, component: ComponentStatus) -> None:
        self._states[component.name] = component.state
        healthy = sum(state is State.HEALTHY for state in self._states.values())
        self._stage.show(healthy, len(self._states), f"{component.name} {component.state}")


def _counted(items: Iterator[SimulatedProduct], stage: Stage) -> Iterator[SimulatedProduct]:
    for item in items:
        yield item
        stage.advance()
