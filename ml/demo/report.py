"""What the demo shows: a report for the screen and the same, whole, as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table

MODALITIES = ("text", "image", "fused")


@dataclass(frozen=True)
class Quality:
    """Figures of one model on some rows, in [0, 1]; `rows` 0 where it says nothing."""

    rows: int
    weighted_f1: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class VersionReport:
    """One registered version: how it came about and what it is worth.

    `test` are its figures on the test part as it was then, which grows from version to version;
    `later` those on the later products whose title and picture nobody learnt from, the same for
    every version, and `later_shared` on those of them whose category every version knows. Each by
    modality: text, image, fused.
    """

    version: int
    run_url: str
    model_url: str
    as_of: datetime
    snapshot: str
    decision: str
    reason: str
    test: Mapping[str, Quality]
    later: Mapping[str, Quality]
    later_shared: Mapping[str, Quality]


@dataclass(frozen=True)
class PredictionReport:
    """Answers over HTTP against the prediction log: lost was answered and not logged, doubled is
    logged more often than answered."""

    answered: int
    needs_review: int
    lost: int
    doubled: int
    served_accuracy: Mapping[str, float]


@dataclass(frozen=True)
class LabelReport:
    """Where labels came from, and what the reviewed ones say about the first stretch's accuracy.

    `naive_agreement` with the reviewers counts every reviewed product alike; `weighted_agreement`
    weighs each by 1 over the probability with which it was chosen (Hajek). The simulation knows
    `reviewer_accuracy`, and what reviewers who never err would have said: `true_accuracy`. The
    first three are None when nobody answered.
    """

    imported: int
    reviewed: int
    unanswered: int
    naive_agreement: float | None
    weighted_agreement: float | None
    reviewer_accuracy: float | None
    true_accuracy: float


@dataclass(frozen=True)
class DemoReport:
    """The whole demo. `worked` is what the exit status says; `faults` why not."""

    worked: bool
    faults: Sequence[str]
    champion: int
    versions: Sequence[VersionReport]
    predictions: PredictionReport
    labels: LabelReport
    seconds: float
    stage_seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """Store the report as JSON, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2, default=_to_json) + "\n")
        temporary.replace(path)


def show(report: DemoReport, path: Path, console: Console, *, kept: bool) -> None:
    """Print the report as people read it; `kept`: the services still run."""
    console.print(Panel(_verdict(report), title="regain demo", expand=False))
    console.print(_figures(report))
    console.print(_accounts(report))
    for version in report.versions:
        outcome = {"promote": "promoted", "refuse": "refused"}[version.decision]
        console.print(f"version {version.version} was {outcome}: {version.reason}")
        console.print(f"  run    {version.run_url}", soft_wrap=True)
        console.print(f"  model  {version.model_url}", soft_wrap=True)
    console.print(f"\nThe same as JSON: {path}", soft_wrap=True)
    if not kept:
        again = f"regain --state {path.parent} up"
        console.print(f"The services are stopped; to look around: {again}", soft_wrap=True)


def _verdict(report: DemoReport) -> str:
    if not report.worked:
        return "[bold red]It did not work:[/] " + "; ".join(report.faults)
    return (
        f"[bold green]It worked[/] in {report.seconds / 60:.1f} minutes: "
        f"version {report.champion} serves."
    )


def _figures(report: DemoReport) -> Table:
    table = Table(title="Weighted F1 (accuracy) of every version")
    table.add_column("version")
    table.add_column("rows")
    for modality in MODALITIES:
        table.add_column(modality, justify="right")
    for version in report.versions:
        name = f"{version.version}{' (champion)' if version.version == report.champion else ''}"
        rows = {
            "own test part": version.test,
            "later products": version.later,
            "the same, shared classes": version.later_shared,
        }
        for title, qualities in rows.items():
            cells = (_cell(qualities[modality]) for modality in MODALITIES)
            table.add_row(name, f"{title} ({qualities['fused'].rows})", *cells)
            name = ""
        table.add_section()
    return table


def _cell(quality: Quality) -> str:
    if not quality.rows:
        return "none"
    return f"{quality.weighted_f1:.3f} ({quality.accuracy:.3f})"


def _accounts(report: DemoReport) -> Group:
    predictions, labels = report.predictions, report.labels
    return Group(
        f"predictions: {predictions.answered} answered, {predictions.lost} lost, "
        f"{predictions.doubled} doubled, {predictions.needs_review} under the threshold",
        f"labels: {labels.imported} imported, {labels.reviewed} by reviewers, "
        f"{labels.unanswered} asked for and not answered",
        _agreement(labels),
    )


def _agreement(labels: LabelReport) -> str:
    truth = f"the first version is right on {labels.true_accuracy:.1%} of the first stretch"
    if labels.reviewer_accuracy is None:
        return f"{truth}; nobody answered a review"
    return (
        f"{truth}, and agrees with its reviewers (themselves right on "
        f"{labels.reviewer_accuracy:.0%}) on {labels.weighted_agreement:.1%}, weighted by how "
        f"products were chosen; unweighted it would look like {labels.naive_agreement:.1%}"
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
