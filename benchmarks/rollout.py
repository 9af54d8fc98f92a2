"""`make bench-rollout`: how often regain and other rules are wrong, and how many labels they take.

Simulated months of 100,000 products and 100 labels a day, in hundreds of cells; all rules look at
the same months. Every cell is in build/bench/rollout.json, with a summary and what each of its
figures means; tables on the screen say which of the product's promises hold.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy import AUDIT_SHARES, AccuracyCell, simulate_accuracy
from benchmarks.cells import Cell, all_cells
from benchmarks.summary import ASSUMPTIONS, DEFINITIONS, promises, summarise
from benchmarks.tables import print_all
from benchmarks.trial import CellFigures, run_cell
from ml.demo.rules import RULES
from ml.wiring.config import Settings

RESULT = Path("build/bench/rollout.json")
MONTHS = 2_000
EXACT = 2  # times as many months where an error rate is measured: its interval must be narrow
WORKERS = 2
_ERRORS_AT = (0.0, -0.01)


def measure(
    cells: Sequence[Cell], *, months: int, seed: int, workers: int = WORKERS
) -> tuple[list[CellFigures], list[AccuracyCell]]:
    """Figures of all cells, in their order, and of the audit shares."""
    settings = Settings()
    rng = np.random.default_rng(seed)
    audits = [simulate_accuracy(rng, months, share, settings) for share in AUDIT_SHARES]
    run = partial(run_cell, seed=seed, settings=settings)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(run, cell, months=_months(cell, months)): number
            for number, cell in enumerate(cells)
        }
        done = track(as_completed(futures), "cells of simulated months", total=len(cells))
        results = {futures[future]: future.result() for future in done}
    return [results[number] for number in range(len(cells))], audits


def _months(cell: Cell, months: int) -> int:
    return months * EXACT if cell.conditions.difference in _ERRORS_AT else months


def report(
    results: Sequence[CellFigures], audits: Sequence[AccuracyCell], *, months: int, seed: int
) -> Mapping[str, object]:
    """What goes into the JSON file."""
    settings = Settings()
    summary = summarise(results, audits, settings)
    return {
        "summary": summary,
        "definitions": DEFINITIONS,
        "promises": [asdict(each) for each in promises(summary, results)],
        "terms": {"months": months, "seed": seed, "rules": RULES, "assumptions": ASSUMPTIONS},
        "cells": [_cell(each) for each in results],
        "accuracy": [asdict(each) for each in audits],
    }


def _cell(figures: CellFigures) -> Mapping[str, object]:
    possible = bool(figures.rules)
    return {"name": figures.cell.name, "possible": possible, **asdict(figures)}


def main() -> None:
    """Measure, show, and write the file."""
    parser = argparse.ArgumentParser(description="Simulated months of rollouts, rule by rule.")
    parser.add_argument("--months", type=int, default=MONTHS, help="a cell; more for error rates")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--workers", type=int, default=WORKERS)
    arguments = parser.parse_args()
    months, seed = arguments.months, arguments.seed
    results, audits = measure(all_cells(), months=months, seed=seed, workers=arguments.workers)
    result = report(results, audits, months=months, seed=seed)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    console = Console()
    print_all(console, results, audits, summarise(results, audits, Settings()))
    console.print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
