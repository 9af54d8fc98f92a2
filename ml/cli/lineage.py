"""`regain lineage`: what one answer rests on, down to the label rows and their reviewers."""

import csv
import json
import sys
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.tree import Tree

from ml.cli.tables import print_tree
from ml.domain.comparisons import ScoredAnswer
from ml.domain.predictions import Prediction
from ml.tasks.lineage import LabelRow, Lineage
from ml.tasks.lineage import lineage as follow
from ml.wiring.build import Services

_FIRST_ROWS = 5
_TIME = "%Y-%m-%d %H:%M"


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(lineage)


def lineage(
    context: typer.Context,
    prediction_id: Annotated[str, typer.Argument(help="From an answer of the serving API.")],
    labels: Annotated[
        bool, typer.Option("--labels", help="Print every label of the snapshot as CSV.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON for machines.")
    ] = False,
) -> None:
    """Follow an answer back: version, training run, label snapshot, label rows, reviewers.

    Example: regain lineage c41e7d0a93b84f26b5d2703e9af86c15 --labels > labels.csv
    """
    found = follow(Services(context.obj), prediction_id)
    if as_json:
        typer.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False, default=_plainly))
    elif labels:
        _write_csv(found)
    else:
        print_tree(_tree(found))


def _write_csv(found: Lineage) -> None:
    writer = csv.DictWriter(sys.stdout, [field.name for field in fields(LabelRow)])
    writer.writeheader()
    for row in found.labels:
        writer.writerow({**vars(row), "labelled_at": row.labelled_at.isoformat()})


def _tree(found: Lineage) -> Tree:
    prediction = found.prediction
    tree = Tree(f"[bold]prediction {_plain(prediction.prediction_id)}[/bold]")
    for line in _answer(found):
        tree.add(line)
    version = tree.add(
        f"[bold]version {prediction.model_version}[/bold], bundle {found.bundle_digest}"
    )
    whys = {entry.entry_id: entry.change for entry in found.entries}
    for reign in found.reigns:
        until = f"{reign.until:{_TIME}}" if reign.until else "now"
        why = _plain(whys[reign.began].reason) if reign.began in whys else "the one after it went"
        version.add(f"{reign.arm} {reign.since:{_TIME}} to {until}: {why}")
    told = found.run.fault or f"{found.run.run_id}, {found.run.url}"
    run = version.add(f"[bold]training run[/bold] {_plain(told)}")
    snapshot = run.add(f"[bold]label snapshot[/bold] {found.snapshot.digest}")
    snapshot.add(
        f"labels as of {found.snapshot.as_of:{_TIME}}, {found.snapshot.rows:,} products, label "
        f"space version {found.snapshot.label_space_version}"
    )
    _add_labels(snapshot, found)
    return tree


def _answer(found: Lineage) -> list[str]:
    prediction = found.prediction
    lines = [
        f"{prediction.predicted_at:{_TIME}}: {_plain(prediction.category)}, "
        f"{prediction.confidence:.1%} sure, as {_arm(prediction)}",
        f"product {_plain(prediction.product.product_id)}, {_plain(prediction.product.title)} "
        f"(revision {prediction.product.digest})",
    ]
    if found.shadow:
        said = (("candidate", found.shadow.candidate), ("baseline", found.shadow.baseline))
        both = ", ".join(f"the {role} {_said(answer)}" for role, answer in said)
        lines.append(f"both models of {found.shadow.experiment}: {both}")
    for each in prediction.selections:
        lines.append(
            f"put before people: {each.reason}, drawn with probability {each.probability:.3g}"
        )
    return lines


def _arm(prediction: Prediction) -> str:
    trial = f" during {prediction.experiment}" if prediction.experiment else ""
    return f"{prediction.arm}{trial}"


def _said(answer: ScoredAnswer) -> str:
    if answer.category is None:
        return "nothing"
    return f"{_plain(answer.category)} ({answer.confidence:.1%})"


def _add_labels(snapshot: Tree, found: Lineage) -> None:
    labels = snapshot.add(f"[bold]{len(found.labels):,} labels[/bold]")
    for source, reviewer, count in found.reviewers:
        labels.add(f"{source} by {_plain(reviewer)}: {count:,}")
    for row in found.labels[:_FIRST_ROWS]:
        outvoted = "" if row.settled else ", outvoted"
        labels.add(
            f"{row.label_id} {_plain(row.product_id)}: {_plain(row.category)}, {row.source} by "
            f"{_plain(row.reviewer)}, {row.labelled_at:{_TIME}}{outvoted}"
        )
    if len(found.labels) > _FIRST_ROWS:
        labels.add(f"... {len(found.labels) - _FIRST_ROWS:,} more: --labels prints all as CSV")


def _plain(text: str) -> str:
    """Strangers wrote it: nothing in it may steer the terminal, or look like markup."""
    return escape("".join(each if each.isprintable() else " " for each in text))


def _plainly(value: Any) -> Any:
    """What JSON has no word for: times and mappings."""
    return value.isoformat() if isinstance(value, datetime) else dict(value)


def _as_json(found: Lineage) -> dict[str, Any]:
    prediction, shadow = found.prediction, found.shadow
    return {
        "prediction": {
            "prediction_id": prediction.prediction_id,
            "predicted_at": prediction.predicted_at,
            "product_id": prediction.product.product_id,
            "product_digest": prediction.product.digest,
            "category": prediction.category,
            "confidence": prediction.confidence,
            "arm": prediction.arm,
            "experiment": prediction.experiment,
            "selections": [asdict(each) for each in prediction.selections],
        },
        "shadow": shadow
        and {
            "experiment": shadow.experiment,
            "candidate": asdict(shadow.candidate),
            "baseline": asdict(shadow.baseline),
        },
        "version": {
            "version": prediction.model_version,
            "bundle_digest": found.bundle_digest,
            "served": [asdict(each) for each in found.reigns],
            "entries": [{"entry_id": each.entry_id, **vars(each.change)} for each in found.entries],
        },
        "run": asdict(found.run),
        "snapshot": asdict(found.snapshot),
        "labels": [asdict(each) for each in found.labels],
    }
