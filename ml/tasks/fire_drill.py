"""The task `fire_drill`: do gate and judge still stop what they are there to stop?

Models that are known to be bad, made from the champion, are put before the gate and, each for
itself, before the judge, on recorded products and their labels: no traffic, no ledger, no registry.
What they did is held against the published matrix.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pyarrow.compute as pc

from ml.domain.digests import digest_of
from ml.domain.drift import Action, Alert
from ml.domain.rollouts import Champion
from ml.tasks.drill_guards import cells_of
from ml.tasks.drill_matrix import Cell, DrillResult, failures, told
from ml.tasks.drill_models import TIMED_PRODUCTS, DrillGround, drill_ground, drilled_models
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import load_settings

_logger = logging.getLogger(__name__)


def fire_drill(
    *,
    as_of: str,
    services: Services | None = None,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> DrillResult:
    """Hold the drill of a time (ISO 8601 with zone); one that fails raises an alert, once a time.

    Raises InvalidInput when there are not enough recorded products. `check_drill` ends it.
    """
    services = services or Services(load_settings())
    at = time_of(as_of)
    champion = services.ledger.champion()
    if champion is None:
        return DrillResult(
            model_version=None,
            snapshot=None,
            products=0,
            cells=[],
            alert=None,
            summary="no model serves yet: there is nothing to drill with",
        )
    ground = drill_ground(services, champion, clock=clock)
    cells = list(_drilled(ground, at=at, sleep=sleep))
    for cell in cells:
        _logger.info("%(verdict)-9s %(guard)s on %(model)s: %(said)s, %(reason)s", cell)
    alert = _alert(champion, ground, cells, at) if failures(cells) else None
    if alert:
        services.alerts.put([alert])
    return DrillResult(
        model_version=champion.model_version,
        snapshot=ground.data.digest,
        products=ground.rows.num_rows,
        cells=cells,
        alert=alert.alert_id if alert else None,
        summary=told(cells),
    )


def _drilled(
    ground: DrillGround, *, at: datetime, sleep: Callable[[float], None]
) -> Iterator[Cell]:
    champion = ground.answers(ground.champion, timed=TIMED_PRODUCTS)
    for model, bundle in drilled_models(ground, champion, sleep=sleep):
        yield from cells_of(model, ground, champion, ground.answers(bundle), at=at)


def _alert(champion: Champion, ground: DrillGround, cells: list[Cell], at: datetime) -> Alert:
    return Alert(
        alert_id=digest_of("fire-drill", champion.entry_id, at.isoformat())[:32],
        action=Action.REPAIR,
        model_version=champion.model_version,
        at=at,
        window_start=pc.min(ground.rows["listed_at"]).as_py(),
        reason=f"the fire drill failed: {told(cells)}",
        numbers={"failed": len(failures(cells)), "cells": len(cells)},
    )
