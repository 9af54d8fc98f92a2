"""What the demo found as one page: a picture people can show, and the tables behind it.

Self-contained: no script, no font, nothing is fetched.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ml.demo.chart import chart
from ml.demo.curve import WINDOW, CurvePoint
from ml.demo.page_style import STYLE
from ml.demo.report import ArmReport, DecisionReport, DemoReport

_CLOSED = (
    "Drift was detected; a version was retrained, tried on a slice of the products and promoted, "
    "all without help. Then a model trained on shuffled labels was forced in past the gate, and "
    "rolled back."
)
_DEFINITIONS = """
<p>Accuracy is the share of served answers that are the truth, which only the simulation knows.
Tiles count <em>fresh</em> products: those whose title and picture no label snapshot had by the time
they were answered, so that no version could know them by heart. The curve and the table of
stretches count every product.</p>
<p><b>Before</b>: served before the change. <b>Drifted</b>: from the change until a version that
drift had retrained was promoted. <b>After</b>: on the later products, those answered since that
promotion, except by the sabotaged version; whose slice is chosen by a hash of the product, so the
rest is an even sample. <b>Version 1</b> answered the same later products once more, after the
event. Classes it knows are those it had labels enough of to learn them. In a real catalogue, the
change is taken to be the stretch at whose end the first alert asked for a retraining.</p>
"""


def page(report: DemoReport, points: Sequence[CurvePoint]) -> str:
    """The whole HTML document."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>regain demo: {_state(report)}</title>"
        f"<style>{STYLE}</style></head><body>"
        '<a class="skip" href="#figures">Skip the picture</a><main>'
        f"{_heading(report)}{_tiles(report)}{_figure(report, points)}"
        f"{_decisions(report)}{_stretches(report)}{_versions(report)}{_notes(report)}"
        "</main></body></html>\n"
    )


def _state(report: DemoReport) -> str:
    return "the loop closed" if report.closed else "the loop did not close"


def _heading(report: DemoReport) -> str:
    first, last = report.stretches[0], report.stretches[-1]
    kind = "closed" if report.closed else "open"
    told = _CLOSED if report.closed else f"{escape('; '.join(report.faults))}."
    return (
        "<h1>A marketplace drifts, and its classifier regains its accuracy</h1>"
        f'<p class="lead"><span class="verdict {kind}">{_state(report).capitalize()}.</span> '
        f"{told} {report.counts.predictions:,} products from {first.start:%-d %B %Y} to "
        f"{last.end:%-d %B %Y} of simulated time, played in {report.seconds / 60:.1f} minutes "
        "through the real Airflow, MLflow, PostgreSQL, Redis and HTTP.</p>"
    )


def _tiles(report: DemoReport) -> str:
    figures, sabotage = report.accuracy, report.sabotage
    tiles = [
        ("", _share(figures.before), "right before the change"),
        ("", _share(figures.drifted), "right while drifted"),
        ("strong", _share(figures.after), f"right on {figures.later_products:,} later products"),
        ("", _share(figures.first_version_on_later_products), "version 1 on the same products"),
        (
            "",
            f"{_share(figures.after_on_known_classes)}",
            f"on the classes version 1 knows; it: {_share(figures.first_version_on_known_classes)}",
        ),
    ]
    if sabotage and sabotage.rolled_back:
        tiles.append(("", str(sabotage.labels), "labels until the sabotage was rolled back"))
        if sabotage.seconds_until_unserved is not None:
            gone = f"{sabotage.seconds_until_unserved:.2f} s"
            tiles.append(("", gone, "after that decision at the latest, it answered nobody"))
    losses = report.lost.predictions + report.lost.labels
    doubles = report.doubled.predictions + report.doubled.labels
    tiles.append(("", f"{losses} / {doubles}", "predictions and labels lost / doubled"))
    items = (
        f"<li{f' class={kind}' if kind else ''}><b>{value}</b><span>{text}</span></li>"
        for kind, value, text in tiles
    )
    return f'<ul class="tiles" aria-label="Main figures">{"".join(items)}</ul>'


def _figure(report: DemoReport, points: Sequence[CurvePoint]) -> str:
    keys = (
        ("--served", "", "served accuracy"),
        ("--first", "first-key", "version 1, had it stayed"),
        ("--trial", "", "a challenger on its slice"),
        ("--bad", "", "the sabotage on its slice"),
    )
    legend = "".join(
        f'<li><i class="{kind}" style="border-color: var({colour})"></i>{text}</li>'
        for colour, kind, text in keys
    )
    return (
        '<figure><div class="wide" tabindex="0" role="region" aria-label="Curve, scrollable">'
        f"{chart(report, points)}</div>"
        f'<figcaption><ul class="legend">{legend}</ul>'
        f"Means over {WINDOW} products, in the order of their arrival. Bars below: who answered, "
        "A the champion's and B the challenger's arm.</figcaption></figure>"
    )


def _decisions(report: DemoReport) -> str:
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
    return (
        '<h2 id="figures">Alerts and decisions</h2><div class="wide"><table>'
        "<caption>In simulated time; the decisions are the rollout ledger's.</caption>"
        "<thead><tr><th>at</th><th>what</th><th>by</th><th>why</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _numbers(entry: DecisionReport) -> str:
    if not entry.numbers:
        return ""
    told = "; ".join(f"{name} {_value(value)}" for name, value in entry.numbers.items())
    return f"<details><summary>numbers</summary>{escape(told)}</details>"


def _stretches(report: DemoReport) -> str:
    body = "".join(
        f'<tr><td class="number">{each.number}</td><td class="nowrap">{each.start:%Y-%m-%d}</td>'
        f'<td class="number">{each.products:,}</td><td class="number">{each.accuracy:.1%}</td>'
        f"<td>{'; '.join(_arms(each.arms))}</td><td>{escape(each.check or '')}</td></tr>"
        for each in report.stretches
    )
    return (
        '<h2>Stretch by stretch</h2><div class="wide"><table><thead><tr><th class="number">no.</th>'
        '<th>from</th><th class="number">products</th><th class="number">right</th>'
        f"<th>by arm</th><th>drift check at its end</th></tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _arms(arms: Mapping[str, ArmReport]) -> Iterator[str]:
    for name, arm in arms.items():
        yield f"{name} version {arm.version}: {arm.accuracy:.1%} of {arm.products:,}"


def _versions(report: DemoReport) -> str:
    body = "".join(
        f"<tr><td>{each.version}{' (serves)' if each.serves else ''}</td>"
        f"<td>{escape(each.origin)}</td><td>{escape(each.as_of[:10])}</td>"
        f'<td class="number">{_test(each.test)}</td><td><code>{each.snapshot[:12]}</code></td></tr>'
        for each in report.versions
    )
    return (
        '<h2>Versions</h2><div class="wide"><table><thead><tr><th>version</th><th>came of</th>'
        '<th>labels up to</th><th class="number">weighted F1 on its test rows</th>'
        f"<th>label snapshot</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _test(test: Mapping[str, float]) -> str:
    if "fused_weighted_f1" not in test:
        return "never evaluated"
    return f"{test['fused_weighted_f1']:.3f} ({test['fused_rows']:.0f} rows)"


def _notes(report: DemoReport) -> str:
    counts = report.counts
    settings = "".join(
        f"<tr><th>{escape(name)}</th><td>{_value(value)}</td></tr>"
        for name, value in report.settings.items()
    )
    right = _share(counts.reviewers_right)
    return (
        f"<h2>What the figures mean</h2>{_DEFINITIONS}"
        f"<p>{counts.imported_labels:,} labels were imported and {counts.review_labels:,} given by "
        f"simulated reviewers, late and right in {right} of the cases; "
        f"{counts.unanswered_reviews:,} questions were never answered. All processes together took "
        f"at most {report.peak_rss_mb:,.0f} MB of memory, pages that they share counted in each."
        "</p><h2>Look around</h2><p><code>regain --state .state/demo up</code> starts this "
        "installation again: Airflow's runs, MLflow's versions, the serving API. "
        "<code>regain --state .state/demo history</code> tells who served and why; "
        "<code>report.json</code> beside this page holds every figure.</p>"
        "<details><summary>Settings that decided</summary><table><tbody>"
        f"{settings}</tbody></table></details>"
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _value(value: float | str | bool) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
