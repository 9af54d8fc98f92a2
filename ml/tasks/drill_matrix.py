"""The fire drill's matrix: who must stop which model, and how what they did is held against it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from ml.domain.errors import DrillFailed


class Stops(NamedTuple):
    """Whether the gate and the judge must stop a model."""

    gate: bool
    judge: bool


MATRIX: Mapping[str, Stops] = {
    "shuffled labels": Stops(gate=True, judge=True),
    "swapped label space": Stops(gate=True, judge=True),
    "erased class": Stops(gate=True, judge=True),
    "slow": Stops(gate=True, judge=True),
    "overconfident": Stops(gate=True, judge=False),
    "champion itself": Stops(gate=False, judge=False),
}
"""An overconfident model's answers are right: the judge has nothing against it. A drill in which
the champion itself is stopped would stop everything."""


class Cell(TypedDict):
    """What a guard (gate or judge) did with a model.

    `expected` and `said` are "stop" or "pass"; `verdict` is "ok", "failed", or "undecided": the
    recorded products don't show what is wrong with the model, and the guard let it pass.
    """

    model: str
    guard: str
    expected: str
    said: str
    verdict: str
    reason: str


class DrillResult(TypedDict):
    """What a drill showed. `model_version` is None when there was no champion to drill with.

    `alert` names the alert in the outbox when the drill failed.
    """

    model_version: int | None
    snapshot: str | None
    products: int
    cells: list[Cell]
    alert: str | None
    summary: str


def held(model: str, guard: str, *, stopped: bool, reason: str, doubt: str | None) -> Cell:
    """One cell of the matrix. `doubt` says why the recorded products can't convict the model.

    It comes from the products and their labels alone, so that no guard is excused by what it did;
    and it excuses a pass only, never a stop.
    """
    must_stop: bool = getattr(MATRIX[model], guard)
    verdict = "ok" if stopped == must_stop else "undecided" if must_stop and doubt else "failed"
    return Cell(
        model=model,
        guard=guard,
        expected=_word(must_stop),
        said=_word(stopped),
        verdict=verdict,
        reason=doubt if doubt and verdict == "undecided" else reason,
    )


def failures(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that are not as published."""
    return [cell for cell in cells if cell["verdict"] == "failed"]


def check_drill(result: DrillResult) -> None:
    """Raise DrillFailed when a guard did not do as published."""
    if failures(result["cells"]):
        raise DrillFailed(
            f"{result['summary']}; mend the guard or its REGAIN_GATE_*, REGAIN_JUDGE_*, "
            "REGAIN_GUARDRAIL_* settings, and drill again"
        )


def told(cells: Iterable[Cell]) -> str:
    """The matrix in a sentence."""
    cells = list(cells)
    wrong = [_sentence(cell) for cell in failures(cells)]
    unsure = [
        f"undecided: {cell['model']} at the {cell['guard']} ({cell['reason']})"
        for cell in cells
        if cell["verdict"] == "undecided"
    ]
    if not wrong:
        done = sum(cell["verdict"] == "ok" for cell in cells)
        wrong = [f"{done} of {len(cells)} cells are as published"]
    return "; ".join(wrong + unsure)


def _sentence(cell: Cell) -> str:
    did = "let pass" if cell["said"] == "pass" else "stopped"
    return f"the {cell['guard']} {did}: {cell['model']} ({cell['reason']})"


def _word(stop: bool) -> str:
    return "stop" if stop else "pass"
