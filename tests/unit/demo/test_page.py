"""The page that people are shown."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

from ml.demo.chart import DATE_WIDTH
from ml.demo.page import page
from ml.demo.rules import RULES
from tests.fakes.demo import made_points, made_report

VOID = {"meta", "br", "line", "circle", "rect", "polyline"}


class Outline(HTMLParser):
    """Opens and closes every element; `texts` are by the element they are in."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def outlined(html: str) -> Outline:
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    return outline


def test_the_page_is_whole_and_fetches_nothing() -> None:
    html = page(made_report(), made_points())
    outline = outlined(html)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in outline.attributes}
    assert "url(" not in html
    assert not re.search(r'(src|href)="(?!#)', html)


def test_the_picture_is_told_in_words_and_beside_it_as_tables() -> None:
    outline = outlined(page(made_report(), made_points()))
    (svg,) = (attributes for tag, attributes in outline.attributes if tag == "svg")
    assert svg["role"] == "img"
    (told,) = outline.texts["desc"]
    for share in ("86% before", "66% until", "79% after", "65% of version 1"):
        assert share in told
    cells = " ".join(outline.texts["td"])
    assert "champion version 2: 80.0% of 300; challenger version 3: 4.0% of 200" in cells


def test_every_alert_and_decision_is_marked_and_labelled() -> None:
    outline = outlined(page(made_report(), made_points()))
    for label in (
        *("the marketplace changes", "alert: retrain", "version 2 on trial", "version 2 promoted"),
        *("sabotage: version 3 forced in", "version 3 stopped"),
    ):
        assert label in outline.texts["text"]


def test_every_rule_is_told_with_what_it_would_have_needed() -> None:
    cells = outlined(page(made_report(), made_points())).texts["td"]
    for rule in RULES.values():
        assert rule in outlined(page(made_report(), made_points())).texts["details"]
    assert "never promotes" in cells
    assert "over 10000" in cells


def test_a_loop_without_labels_has_no_tables_of_them() -> None:
    silent = replace(made_report(), labels_say=None, needed=())
    html = page(silent, made_points())
    outlined(html)
    assert "What the labels say" not in html
    assert "would have needed" not in html


def test_the_dates_of_short_stretches_do_not_cover_each_other() -> None:
    numbered = [replace(point, stretch=i // 40) for i, point in enumerate(made_points())]
    html = page(made_report(), numbered)
    dates = re.findall(r'<text class="tick" x="([0-9.]+)"[^>]*>\d+ [A-Z]', html)
    assert len(dates) > 3
    assert all(float(b) - float(a) >= DATE_WIDTH for a, b in pairwise(dates))


def test_what_a_seller_or_reviewer_wrote_is_no_markup() -> None:
    html = page(made_report(), made_points())
    assert "known words &lt;share&gt;" in html
    assert "<share>" not in html


def test_a_loop_that_did_not_close_says_why_first() -> None:
    report = replace(made_report(), closed=False, faults=("3 labels were lost",), sabotage=None)
    html = page(report, made_points())
    assert "The loop did not close.</span> 3 labels were lost." in html
    assert "forced in past" not in html.split("<figure>")[0]


def test_a_loop_that_ended_early_has_a_page_too() -> None:
    report = made_report()
    early = replace(report, alerts=(), decisions=report.decisions[:1], sabotage=None, closed=False)
    html = page(early, made_points()[:300])
    outlined(html)
    assert "The loop did not close." in html
    assert "version 1 promoted" in html
    assert "forced in" not in html


def test_what_may_scroll_is_reached_by_keyboard_and_has_a_name() -> None:
    outline = outlined(page(made_report(), made_points()))
    regions = [
        each for tag, each in outline.attributes if (tag, each.get("class")) == ("div", "wide")
    ]
    assert len(regions) == 7
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)
    heads = [each for tag, each in outline.attributes if tag == "th"]
    assert all(each["scope"] in ("col", "row") for each in heads)


def test_a_retraining_that_a_sweep_had_to_start_is_told() -> None:
    report = made_report()
    swept = replace(report, counts=replace(report.counts, sweeps=1))
    assert "all without help" in page(report, made_points())
    html = page(swept, made_points())
    assert "all without help" not in html
    assert "started 1 of the retrainings" in html
