"""What the demo found as one page: a picture people can show, and the tables behind it.

Self-contained: no script, no font, nothing is fetched.
"""

from collections.abc import Sequence
from html import escape

from ml.demo.chart import chart
from ml.demo.curve import WINDOW, CurvePoint
from ml.demo.page_style import STYLE
from ml.demo.page_tables import (
    comparisons,
    decisions,
    labels_say,
    needed,
    shown,
    stretches,
    versions,
    wide,
)
from ml.demo.report import DemoReport

_DEFINITIONS = """
<p>Accuracy is the share of served answers that are the truth, which only the simulation knows.
Tiles count <em>fresh</em> products: those whose title and picture no label snapshot had by the time
they were answered, so that no version could know them by heart. The curve and the table of
stretches count every product.</p>
<p><b>Before</b>: served before the change. <b>Drifted</b>: from the change until a version that
drift had retrained was promoted. <b>After</b>: on the later products, those answered since that
promotion, except by the sabotaged version (a hash of the product chooses its slice, so the rest is
an even sample). <b>Version 1</b> answered the same later products once more, after the event.
Classes it knows are those it had labels enough of to learn them. In a real catalogue, the stretch
at whose end an alert first asked for a retraining is taken for the first after the change.</p>
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
        f"{decisions(report)}{comparisons(report)}{needed(report)}{labels_say(report)}"
        f"{stretches(report)}{versions(report)}{_notes(report)}"
        "</main></body></html>\n"
    )


def _state(report: DemoReport) -> str:
    return "the loop closed" if report.closed else "the loop did not close"


def _heading(report: DemoReport) -> str:
    first, last = report.stretches[0], report.stretches[-1]
    kind = "closed" if report.closed else "open"
    told = _story(report) if report.closed else f"{escape('; '.join(report.faults))}."
    return (
        "<h1>A marketplace drifts, and its classifier regains its accuracy</h1>"
        f'<p class="lead"><span class="verdict {kind}">{_state(report).capitalize()}.</span> '
        f"{told} {report.counts.predictions:,} products from {first.start:%-d %B %Y} to "
        f"{last.end:%-d %B %Y} of simulated time, played in {report.seconds / 60:.1f} minutes "
        "through the real Airflow, MLflow, PostgreSQL, Redis and HTTP.</p>"
    )


def _story(report: DemoReport) -> str:
    started = "all without help" if not report.counts.sweeps else "with a sweep's help"
    return (
        "Drift was detected; a version was retrained, tried on a slice of the products, promoted "
        f"and watched, {started}. Then a model trained on shuffled labels, and sure of itself, was "
        "forced in past the gate, and stopped by what people said of it."
    )


def _tiles(report: DemoReport) -> str:
    figures, sabotage = report.accuracy, report.sabotage
    tiles = [
        ("", _share(figures.before), "right before the change"),
        ("", _share(figures.drifted), "right while drifted"),
        (
            "strong",
            _share(figures.after),
            f"right on {figures.later_products:,} later products, the sabotage aside",
        ),
        ("", _share(figures.first_version_on_later_products), "version 1 on the same products"),
        (
            "",
            _share(figures.after_on_known_classes),
            "on the classes version 1 knows, where it gets "
            f"{_share(figures.first_version_on_known_classes)}",
        ),
    ]
    if sabotage and sabotage.rolled_back:
        tiles.append(("", str(sabotage.labels), "labels until the sabotage was stopped"))
        if sabotage.seconds_until_unserved is not None:
            gone = f"{sabotage.seconds_until_unserved:.2f} s"
            tiles.append(("", gone, "after that decision, nobody got its answer any more"))
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
        f"<figure>{wide('Curve', chart(report, points))}"
        f'<figcaption><ul class="legend">{legend}</ul>'
        f"Means over {WINDOW} products, in the order of their arrival. Bars below: who answered, "
        "A the champion's and B the challenger's arm.</figcaption></figure>"
    )


def _notes(report: DemoReport) -> str:
    counts = report.counts
    settings = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{shown(value)}</td></tr>'
        for name, value in report.settings.items()
    )
    right = _share(counts.reviewers_right)
    return (
        f"<h2>What the figures mean</h2>{_DEFINITIONS}"
        f"<p>{counts.imported_labels:,} labels were imported and {counts.review_labels:,} given by "
        f"simulated reviewers, late and right in {right} of the cases; "
        f"{counts.unanswered_reviews:,} questions were never answered. A second model scored "
        f"{report.shadow.stored:,} products in the background; {report.shadow.dropped:,} were left "
        f"out for want of room or use, {report.shadow.failed:,} failed. All processes took at most "
        f"{report.peak_rss_mb:,.0f} MB of memory, pages that they share counted in each."
        f"{_sweeps(counts.sweeps)}</p>"
        "<h2>Look around</h2><p><code>regain --state .state/demo up</code> starts this "
        "installation again: Airflow's runs, MLflow's versions, the serving API. "
        "<code>regain --state .state/demo history</code> tells who served and why; "
        "<code>report.json</code> beside this page holds every figure.</p>"
        "<details><summary>Settings that decided</summary><table><tbody>"
        f"{settings}</tbody></table></details>"
    )


def _sweeps(sweeps: int) -> str:
    if not sweeps:
        return ""
    return (
        f" No event had started {sweeps} of the retrainings in time, or an attempt had failed; the "
        "demo started them in place of the sweep, whose timetable is off in a replay."
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
