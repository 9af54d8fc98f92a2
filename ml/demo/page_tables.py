"""The page's tables: what was decided, stretch by stretch, and the versions."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ml.demo.needed import PROMOTED
from ml.demo.report import ArmReport, DecisionReport, DemoReport
from ml.demo.rules import RULES
from ml.demo.screen_tables import RULE_NAMES, told


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


def comparisons(report: DemoReport) -> str:
    """What people found where two models differed."""
    body = "".join(
        f"<tr><td>{each.kind}: version {each.version} against {each.rival}</td>"
        f'<td class="number">{each.products:,}</td>'
        f'<td class="number">{each.disagreements / each.products:.1%}</td>'
        f'<td class="number">{each.labels:,} of {each.drawn:,}</td>'
        f'<td class="number">{each.wins} / {each.ties} / {each.losses}</td>'
        f'<td class="nowrap">{each.difference:+.1%} ({each.difference_low:+.1%} to '
        f"{each.difference_high:+.1%})</td><td>{escape(each.verdict or 'none yet')}</td></tr>"
        for each in report.comparisons
    )
    caption = (
        "Both models score the same products; people label a random part of those on which they "
        "differ. Accuracy over all products, with its confidence sequence."
    )
    columns = ("compared", "#products", "#differ", "#labels", "#won / tied / lost", "accuracy")
    return "<h2>Trials and watches</h2>" + _table(caption, (*columns, "verdict"), body)


def needed(report: DemoReport) -> str:
    """What each rule would have taken."""
    if not report.needed:
        return ""
    body = "".join(
        f"<tr><td>{escape(RULE_NAMES[rule])}<details><summary>the rule</summary>"
        f"{escape(text)}</details></td>"
        + "".join(
            f'<td class="number">{told(each.rules[rule], promoting=each.decision == PROMOTED)}</td>'
            for each in report.needed
        )
        + f'<td class="number">{max(e.rules[rule].false_stops for e in report.needed):.0%}</td>'
        "</tr>"
        for rule, text in RULES.items()
    )
    here = "".join(
        f'<td class="number">{each.labels}'
        + (f", enough after {each.labels_to_decide}" if each.labels_to_decide else "")
        + "</td>"
        for each in report.needed
    )
    body += f'<tr><th scope="row">labels taken here</th>{here}<td></td></tr>'
    caption = (
        "Medians of simulated months of a version that differs, wins and loses as often. False "
        "stops: of versions as good as the champion, within 30 days. * of each arm."
    )
    decided = (f"#to {each.decision} version {each.version}" for each in report.needed)
    columns = ("rule", *decided, "#false stops")
    return "<h2>Labels that each rule would have needed</h2>" + _table(caption, columns, body)


def labels_say(report: DemoReport) -> str:
    """The accuracy that labels show, and the truth."""
    said = report.labels_say
    if said is None:
        return ""
    rows = {
        f"naive: of the {said.labels:,} that were reviewed": f"{said.naive:.1%}",
        f"weighted by how each was chosen: of all {said.products:,}": (
            f"{said.weighted:.1%} ({said.low:.1%} to {said.high:.1%})"
        ),
        "had the same people labelled every one": f"{said.everybody:.1%}",
        "the truth, reviewers' errors aside": f"{said.truth:.1%}",
    }
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{value}</td></tr>'
        for name, value in rows.items()
    )
    caption = "Version 1 before the change, with the 95 % interval."
    columns = ("share of right answers", "#")
    return "<h2>What the labels say</h2>" + _table(caption, columns, body)


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
