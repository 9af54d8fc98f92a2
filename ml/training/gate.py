"""The gate: whether a candidate may replace the champion. Pure; it reads two evaluations."""

from collections.abc import Iterator
from dataclasses import dataclass

from ml.domain.decisions import GateDecision
from ml.domain.errors import InvalidInput
from ml.training.evaluation import Evaluation, Figures


@dataclass(frozen=True, kw_only=True)
class GatePolicy:
    """What a candidate may cost. F1 drops are absolute, against the champion on the same rows.

    `min_class_rows` (effective) and `min_recent_rows` are the test rows under which a class, or the
    recent rows as a whole, decide nothing. `max_calibration_error` in [0, 1] is allowed beyond what
    chance alone shows on so many rows. `max_latency_ms` bounds the median for one product.
    """

    max_f1_drop: float
    max_class_f1_drop: float
    min_class_rows: int
    min_recent_rows: int
    max_calibration_error: float
    max_latency_ms: float


def admit(candidate: Evaluation, champion: Evaluation | None, policy: GatePolicy) -> GateDecision:
    """Admit the candidate unless a check refuses it; every refusing check is named.

    Without a champion only the absolute bounds count. Raises InvalidInput when the two were not
    evaluated in the same label space.
    """
    reasons = [*_calibration(candidate, policy), *_latency(candidate, policy)]
    numbers = _numbers("candidate", candidate)
    if champion is not None:
        if candidate.label_space != champion.label_space:
            raise InvalidInput(
                "candidate and champion were evaluated in different label spaces; "
                "evaluate both in the newest version"
            )
        reasons += [*_drops(candidate, champion, policy)]
        reasons += [*_class_drops(candidate, champion, policy)]
        numbers |= _numbers("champion", champion) | {"disagreement": candidate.disagreement}
    return GateDecision(not reasons, tuple(reasons), numbers)


def _calibration(candidate: Evaluation, policy: GatePolicy) -> Iterator[str]:
    error, noise = candidate.fused.calibration_error, candidate.fused.calibration_noise
    if error - noise > policy.max_calibration_error:
        yield (
            f"calibration error {error:.3f} (of which chance {noise:.3f}) exceeds "
            f"{policy.max_calibration_error:.3f}"
        )


def _latency(candidate: Evaluation, policy: GatePolicy) -> Iterator[str]:
    if candidate.latency_ms > policy.max_latency_ms:
        yield (
            f"one product takes {candidate.latency_ms:.0f} ms, more than "
            f"{policy.max_latency_ms:.0f} ms"
        )


def _drops(candidate: Evaluation, champion: Evaluation, policy: GatePolicy) -> Iterator[str]:
    compared = [
        ("test rows", candidate.fused, champion.fused, 0),
        ("test rows of shared classes", candidate.shared, champion.shared, 0),
        ("recent test rows", candidate.recent, champion.recent, policy.min_recent_rows),
    ]
    for name, ours, theirs, min_rows in compared:
        drop = theirs.weighted_f1 - ours.weighted_f1
        if ours.rows >= min_rows and drop > policy.max_f1_drop:
            yield (
                f"weighted F1 on {ours.rows} {name} is {ours.weighted_f1:.4f}, "
                f"{drop:.4f} under the champion's (allowed {policy.max_f1_drop:.4f})"
            )


def _class_drops(candidate: Evaluation, champion: Evaluation, policy: GatePolicy) -> Iterator[str]:
    for ours, theirs in zip(candidate.classes, champion.classes, strict=True):
        drop = theirs.f1 - ours.f1
        if ours.effective_rows >= policy.min_class_rows and drop > policy.max_class_f1_drop:
            yield (
                f"F1 of class {ours.category!r} is {ours.f1:.4f} on {ours.rows} test rows, "
                f"{drop:.4f} under the champion's (allowed {policy.max_class_f1_drop:.4f})"
            )


def _numbers(name: str, evaluation: Evaluation) -> dict[str, float]:
    groups: dict[str, Figures] = {
        "": evaluation.fused,
        "shared_": evaluation.shared,
        "recent_": evaluation.recent,
    }
    numbers = {
        f"{name}_{group}{figure}": float(getattr(figures, figure))
        for group, figures in groups.items()
        for figure in ("weighted_f1", "rows")
    }
    return numbers | {
        f"{name}_calibration_error": evaluation.fused.calibration_error,
        f"{name}_latency_ms": evaluation.latency_ms,
    }
