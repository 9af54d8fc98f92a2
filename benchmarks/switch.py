"""`make bench-switch`: how fast a rollback is gone from every answer, under load.

Four serving workers answer a closed loop of clients without a pause, mostly from the cache, while
versions are put on trial or promoted and rolled back again, 200 times. For each rollback: the time
from the ledger entry (the database's clock, at the start of the transaction that commits it) to the
last answer that any client got from the version that went. Every answer is held against what its
version says of the product, so that a cached answer of another version would be seen. A few
rollbacks without notification show what polling alone does.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.installation import PATIENCE_SECONDS, WORKERS, Installation
from benchmarks.load import CLIENTS, Answer, Load
from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.errors import RegainError
from ml.models.bundle import ModelInput
from ml.simulation.marketplace import Marketplace

RESULT = Path("build/bench/switch.json")
ROLLBACKS = 200
POLLED_ROLLBACKS = 10
PRODUCTS = 300
AFTERMATH_SECONDS = 1.2  # answers go on being watched, to see the last one of the old version
TOLERANCE = 1e-4  # of a confidence: workers and this process may add up in another order


@dataclass(frozen=True)
class Switch:
    """One rollback of a version: when its entry was written, and who of which arm went."""

    version: int
    arm: str
    entry: LedgerEntry

    @property
    def at(self) -> float:
        return self.entry.recorded_at.timestamp()

    def milliseconds(self, answers: Sequence[Answer]) -> float:
        """From the entry to the last answer by the version; 0 when it gave none after it."""
        late = [each.heard_at for each in answers if each.version == self.version]
        return max(0.0, 1000 * (max(late, default=self.at) - self.at))


def switch(installation: Installation, load: Load, version: int, *, trial: bool) -> Switch:
    """Put a version on trial (or promote it), wait for its answers, and roll it back."""
    begun = len(load.answers)
    installation.decide(LedgerAction.CHALLENGE if trial else LedgerAction.PROMOTE, version)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(each.version == version for each in load.answers[begun:]) < 2 * CLIENTS:
        if time.monotonic() > deadline:
            raise RegainError(f"version {version} never answered; see the serving log")
        time.sleep(0.05)
    entry = installation.decide(LedgerAction.ROLLBACK, version)
    time.sleep(AFTERMATH_SECONDS)
    return Switch(version, "challenger" if trial else "champion", entry)


def stale_answers(
    answers: Sequence[Answer], switches: Sequence[Switch], confidences: Sequence[Sequence[float]]
) -> int:
    """Answers with what another model says than the one they name, or by one long rolled back."""
    gone = {each.version: each.at + AFTERMATH_SECONDS for each in switches}
    stale = 0
    for answer in answers:
        expected = confidences[0 if answer.version == 1 else 1][answer.product]
        other = abs(answer.confidence - expected) > TOLERANCE
        stale += other or answer.heard_at > gone.get(answer.version, np.inf)
    return stale


def _summary(
    switches: Sequence[Switch], polled: Sequence[Switch], load: Load, installation: Installation
) -> dict[str, object]:
    inputs = [ModelInput(title, "", None) for title in load.titles]
    confidences = [
        bundle.predict(inputs).probabilities.max(axis=1).tolist() for bundle in installation.bundles
    ]
    times = np.array([each.milliseconds(load.answers) for each in switches])
    by_polling = np.array([each.milliseconds(load.answers) for each in polled])
    return {
        "switch_p50_ms": float(np.percentile(times, 50)),
        "switch_p99_ms": float(np.percentile(times, 99)),
        "switch_max_ms": float(times.max()),
        "polled_p50_ms": float(np.percentile(by_polling, 50)),
        "polled_max_ms": float(by_polling.max()),
        "ratio_polled_to_notified": float(np.median(by_polling) / max(np.median(times), 1e-3)),
        "rollbacks": len(switches),
        "requests": len(load.answers),
        "failed_requests": len(load.failed),
        "stale_cache_answers": stale_answers(load.answers, switches, confidences),
    }


def measure(rollbacks: int = ROLLBACKS, polled: int = POLLED_ROLLBACKS) -> Mapping[str, object]:
    """Run it all on an installation of its own; returns what goes into the JSON file."""
    market = Marketplace(seed=7)
    titles = [each.title for each in market.products(PRODUCTS)]
    with tempfile.TemporaryDirectory(prefix="regain-bench-") as folder:
        installation = Installation(Path(folder))
        with installation.running():
            load = Load(*installation.client(), titles)
            with load.running():
                versions = iter(range(2, 2 + rollbacks + polled))
                switches = [
                    switch(installation, load, next(versions), trial=number % 2 == 0)
                    for number in track(range(rollbacks), "rollbacks under load")
                ]
                with installation.unannounced():
                    unheard = [
                        switch(installation, load, next(versions), trial=number % 2 == 0)
                        for number in track(range(polled), "without notification")
                    ]
            summary = _summary(switches, unheard, load, installation)
    cells = [
        {"version": each.version, "arm": each.arm, "milliseconds": each.milliseconds(load.answers)}
        for each in switches
    ]
    terms = {"workers": WORKERS, "clients": CLIENTS, "failures": load.failed[:10]}
    return {"summary": summary, "terms": terms, "cells": cells}


def main() -> None:
    """Measure, show, and write build/bench/switch.json."""
    console = Console()
    result = measure()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    table = Table("figure", "value", title="From a rollback's ledger entry to the last old answer")
    summary = result["summary"]
    assert isinstance(summary, dict)
    for name, value in summary.items():
        table.add_row(name, f"{value:,.1f}" if isinstance(value, float) else f"{value:,}")
    console.print(table)
    console.print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
