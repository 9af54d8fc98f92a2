"""`make demo`: an installation of its own, a marketplace to play, the loop, the report."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ml.adapters.catalogues import open_catalogue
from ml.demo.backstage import Backstage
from ml.demo.curve import CurvePoint
from ml.demo.loop import Loop
from ml.demo.memory import PeakMemory
from ml.demo.options import DemoOptions, demo_settings
from ml.demo.outcome import Reckoning
from ml.demo.page import page
from ml.demo.plan import DemoPlan, catalogue_plan, choose_cut, market_plan
from ml.demo.report import DemoReport, write_whole
from ml.demo.screen import show, show_broken_off, show_settings
from ml.demo.stages import Stage, Stages
from ml.domain.errors import InvalidInput
from ml.simulation.drift import DriftingMarketplace, drifted
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace
from ml.simulation.replay import write_catalogue
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
PAGE = "report.html"
OPENS = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class _Scene:
    """What is played: the catalogue that is imported, and what arrives after it."""

    catalogue: Path
    plan: DemoPlan


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
    scene = _replayed(options, stages) if options.data else _made(settings, options, stages)
    settings = demo_settings(settings, options, products_per_day=scene.plan.products_per_day)
    show_settings(settings, options, console)
    try:
        with PeakMemory(settings) as memory:
            report, curve = _played(settings, options, scene, stages)
    except BaseException:
        show_broken_off(settings.state, console, kept=options.keep)
        raise
    report = replace(
        report,
        seconds=time.monotonic() - started,
        peak_rss_mb=memory.megabytes,
        stage_seconds=dict(stages.seconds),
    )
    report.write(settings.state / REPORT)
    write_whole(settings.state / PAGE, page(report, curve))
    show(report, settings.state, console, kept=options.keep)
    return report


def _played(
    settings: Settings, options: DemoOptions, scene: _Scene, stages: Stages
) -> tuple[DemoReport, list[CurvePoint]]:
    with _running(settings, stages, keep=options.keep), Backstage(settings, stages) as backstage:
        loop = Loop(backstage, scene.plan, stretch=options.stretch)
        played = loop.play(scene.catalogue)
        with stages.stage("comparison", "Account for everything; ask version 1 once more"):
            reckoning = Reckoning(backstage, played, loop.desk, loop.watch)
            report = reckoning.report(changes_after=scene.plan.changes_after)
            return report, reckoning.curve()


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


def _made(settings: Settings, options: DemoOptions, stages: Stages) -> _Scene:
    """A marketplace that changes; what was there before is written as a catalogue to import."""
    market = Marketplace(seed=settings.seed, opens_at=OPENS)
    changing = DriftingMarketplace(
        before=market,
        after=drifted(market),
        changes_at=options.bootstrap + options.changes_after * options.stretch,
    )
    folder = settings.state / CATALOGUE
    title = f"Make a marketplace, {options.bootstrap} products of which were there before"
    with stages.stage("marketplace", title) as stage:
        stage.expect(options.bootstrap)
        write_catalogue(_counted(changing.products(options.bootstrap), stage), folder)
    return _Scene(
        folder,
        market_plan(
            changing,
            bootstrap=options.bootstrap,
            stretch=options.stretch,
            stretches=options.stretches,
        ),
    )


def _replayed(options: DemoOptions, stages: Stages) -> _Scene:
    assert options.data is not None, "asked for with data only"
    with stages.stage("plan", f"Read the catalogue {options.data}") as stage:
        listings = open_catalogue(options.data).listings()
        cut = options.bootstrap_before or choose_cut([each.listed_at for each in listings])
        plan = catalogue_plan(listings, cut, stretch=options.stretch, stretches=options.stretches)
        stage.outcome = f"at most {plan.stretches} stretches of {options.stretch} products"
    return _Scene(options.data, plan)


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
