"""The page's tables: what was decided, stretch by stretch, and the versions."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ml.demo.report import ArmReport, DecisionReport, DemoReport


def decisions(report: DemoReport) -> str:
    rows = [
        (alert.at, "alert", f"alert: {alert.action}", "check_drift", alert.reason, "")
        for alert in report.alerts
    ]
    rows += [
        (
            entry.at,
            entry.decision,
            f"{entry.decision} version {entry.version}",
            entry.actor,
            entry.reason,
            _numbers(entry),
        )
        for entry in report.decisions
    ]
    body = "".join(
        f'<tr><td class="nowrap">{at:%Y-%m-%d %H:%M}</td>'
        f'<td><span class="pill {escape(kind)}">{escape(what)}</span></td>'
        f"<td>{escape(who)}</td><td>{escape(reason)}{numbers}</td></tr>"
        for at, kind, what, who, reason, numbers in sorted(rows, key=lambda row: row[0])
    )
    caption = "In simulated time; the decisions are the rollout ledger's."
    return '<h2 id="figures">Alerts and decisions</h2>' + _table(
        caption, ("at", "what", "by", "why"), body
    )


def _numbers(entry: DecisionReport) -> str:
    if not entry.numbers:
        return ""
    told = "; ".join(f"{name} {shown(value)}" for name, value in entry.numbers.items())
    return f"<details><summary>numbers</summary>{escape(told)}</details>"


def stretches(report: DemoReport) -> str:
    body = "".join(
        f'<tr><td class="number">{each.number}</td><td class="nowrap">{each.start:%Y-%m-%d}</td>'
        f'<td class="number">{each.products:,}</td><td class="number">{each.accuracy:.1%}</td>'
        f"<td>{'; '.join(_arms(each.arms))}</td><td>{escape(each.check or '')}</td></tr>"
        for each in report.stretches
    )
    caption = "Shares of right answers, over every product."
    columns = ("#no.", "from", "#products", "#right", "by arm", "drift check at its end")
    return "<h2>Stretch by stretch</h2>" + _table(caption, columns, body)


def _arms(arms: Mapping[str, ArmReport]) -> Iterator[str]:
    for name, arm in arms.items():
        yield f"{name} version {arm.version}: {arm.accuracy:.1%} of {arm.products:,}"


def versions(report: DemoReport) -> str:
    body = "".join(
        f"<tr><td>{each.version}{' (serves)' if each.serves else ''}</td>"
        f"<td>{escape(each.origin)}</td><td>{escape(each.as_of[:10])}</td>"
        f'<td class="number">{_test(each.test)}</td><td><code>{each.snapshot[:12]}</code></td></tr>'
        for each in report.versions
    )
    caption = "As registered in MLflow; each has test rows of its own time."
    columns = ("version", "came of", "labels up to", "#weighted F1 on its test rows", "snapshot")
    return "<h2>Versions</h2>" + _table(caption, columns, body)


def _test(test: Mapping[str, float]) -> str:
    if "fused_weighted_f1" not in test:
        return "never evaluated"
    return f"{test['fused_weighted_f1']:.3f} ({test['fused_rows']:.0f} rows)"


def _table(caption: str, columns: Sequence[str], body: str) -> str:
    """A table; the columns whose names begin with # hold numbers."""
    heads = "".join(
        f'<th scope="col"{" class=number" if name[0] == "#" else ""}>{name.lstrip("#")}</th>'
        for name in columns
    )
    return wide(
        caption,
        f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table>",
    )


def wide(label: str, content: str) -> str:
    """Something wider than a small screen, to be scrolled by keyboard, too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{content}</div>'


def shown(value: float | str | bool) -> str:
    """A figure or setting in a few digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
