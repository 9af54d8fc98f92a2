"""How often a version's answers were right: of all it served, not only of what people looked at.

People look at hard products first, so the plain share of reviewed answers that were right says what
a model does on hard products. Each reviewed product was drawn with a known probability; weighted by
its inverse (Hajek) the reviewed ones speak for all. A product that was drawn and not labelled (yet)
is spoken for by the labelled ones of its stratum, by confidence and reason (missing at random
within it, see `stats.stratified`); bounds say what holds without that. Where the confidence, which
is known of every product served, makes the interval shorter, that estimate is there, too (see
`stats.prediction_powered`).

The label of a product is what its reviewers settled on, and counts as the truth: `Agreement` says
how far it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.domain.errors import NotFound
from ml.domain.labels import settled_category
from ml.domain.ports import LabelSpaces, RolloutLedger, ServedWindows
from ml.rollout.agreement import Agreement, agreement_of
from ml.rollout.cohorts import HARDNESS
from ml.signals.language import language_of
from ml.signals.style import styles_of
from ml.stats.prediction_powered import PoweredShare, prediction_powered_share
from ml.stats.proportion import ShareEstimate, share_estimate
from ml.stats.stratified import label_probabilities, missing_bounds

EXPLANATION = (
    "naive counts every reviewed product once, and people review the hard ones; weighted lets each "
    "stand for the served products it was drawn from"
)

_REASONS = ("audit", "low_confidence", "disagreement")
_MIN_POWERED = 50  # labels under which a tuned power is mostly chance

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class SliceAccuracy:
    """The share of right answers in one slice of what was served.

    `dimension` is `overall`, `language`, `style` (how the seller writes), `answer` (products that
    were given this category) or `label` (products truly of it: its recall). `worst` and `best` are
    the weighted share if all missing labels said wrong, and right; None by label, which nobody
    knows of a missing one. `powered` is there where its interval is shorter than the weighted one.
    """

    dimension: str
    name: str
    drawn: int
    weighted: ShareEstimate
    naive: ShareEstimate
    worst: float | None
    best: float | None
    powered: PoweredShare | None

    @property
    def labelled(self) -> int:
        return self.weighted.labels


@dataclass(frozen=True)
class AccuracyReport:
    """A version's accuracy over what it answered from `since` to `until` (None: without end).

    By the labels given up to `as_of`. `served` counts products as they were shown, each once;
    `slices` begin with the overall one, and have at least one drawn product each.
    """

    model_version: int
    since: datetime | None
    until: datetime | None
    as_of: datetime
    served: int
    agreement: Agreement
    slices: tuple[SliceAccuracy, ...]


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Drawn products as arrays [n]; `chances` are those of being drawn. `hits` are False where
    there is no label."""

    hits: BoolArray
    labelled: BoolArray
    chances: FloatArray
    strata: IntArray
    confidence: FloatArray

    def at(self, rows: IntArray) -> "_Drawn":
        """Those of these numbers."""
        return _Drawn(
            self.hits[rows],
            self.labelled[rows],
            self.chances[rows],
            self.strata[rows],
            self.confidence[rows],
        )

    def known_chances(self) -> FloatArray:
        """Those of being drawn and labelled."""
        return label_probabilities(self.chances, self.strata, self.labelled)


def measure_accuracy(
    ledger: RolloutLedger,
    windows: ServedWindows,
    spaces: LabelSpaces,
    *,
    as_of: datetime,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AccuracyReport:
    """The accuracy of a version, the champion by default, on labels given up to `as_of`.

    Raises NotFound without a champion, and for a version that answered nothing in the span.
    """
    if version is None:
        champion = ledger.champion()
        if champion is None:
            raise NotFound("there is no champion yet; name a version")
        version = champion.model_version
    totals = windows.totals(version, since=since, until=until)
    if not totals.num_rows:
        raise NotFound(f"version {version} answered nothing in that time; ask for another")
    selected = windows.selected(version, as_of=as_of, since=since, until=until)
    rows = selected.to_pylist()
    return AccuracyReport(
        model_version=version,
        since=since,
        until=until,
        as_of=as_of,
        served=pc.sum(totals["products"]).as_py(),
        agreement=agreement_of(rows, classes=len(spaces.current())),
        slices=tuple(_slices(rows, totals)),
    )


def _slices(rows: Sequence[Mapping[str, Any]], totals: pa.Table) -> list[SliceAccuracy]:
    """All slices, the largest of each dimension first."""
    settled = [_settled(row) for row in rows]
    drawn = _drawn_of(rows, settled)
    means = _mean_confidences(totals)
    slices = [
        _slice(dimension, name, drawn, np.array(members, np.int64), means.get((dimension, name)))
        for (dimension, name), members in _members(rows, settled).items()
    ]
    order = ("overall", "language", "style", "answer", "label")
    slices.sort(key=lambda each: (order.index(each.dimension), -each.drawn, each.name))
    return slices


def _settled(row: Mapping[str, Any]) -> str | None:
    votes = [(vote["reviewer"], vote["category"]) for vote in row["votes"]]
    return settled_category(votes, reviews=row["reviews"])


def _drawn_of(rows: Sequence[Mapping[str, Any]], settled: Sequence[str | None]) -> _Drawn:
    return _Drawn(
        hits=np.array(
            [label == row["category"] for row, label in zip(rows, settled, strict=True)], bool
        ),
        labelled=np.array([label is not None for label in settled], bool),
        chances=np.array([row["inclusion_probability"] for row in rows], float),
        strata=np.array([_stratum(row) for row in rows], np.int64),
        confidence=np.array([row["confidence"] for row in rows], float),
    )


def _stratum(row: Mapping[str, Any]) -> int:
    """How hard the product is, then why it was drawn: neighbours by number are alike."""
    hardness = sum(row["confidence"] >= bound for bound in HARDNESS)
    reasons = sum(2**place for place, reason in enumerate(_REASONS) if reason in row["reasons"])
    return int(hardness * 2 ** len(_REASONS) + reasons)


def _members(
    rows: Sequence[Mapping[str, Any]], settled: Sequence[str | None]
) -> dict[tuple[str, str], list[int]]:
    """Which rows, by number, are in each slice."""
    members: dict[tuple[str, str], list[int]] = {("overall", "all"): list(range(len(rows)))}
    for number, (row, label) in enumerate(zip(rows, settled, strict=True)):
        text = row["title"], row["description"]
        slices = [("language", language_of(*text)), ("answer", row["category"])]
        slices += [("style", style) for style in styles_of(*text, row["picture"])]
        if label is not None:
            slices.append(("label", label))
        for each in slices:
            members.setdefault(each, []).append(number)
    return members


def _mean_confidences(totals: pa.Table) -> dict[tuple[str, str], float]:
    """Of the slices of which every product served is known, not only the drawn ones."""
    products, sums = totals["products"].to_numpy(), totals["confidence_sum"].to_numpy()
    means = {
        ("answer", category): float(total / count)
        for category, count, total in zip(
            totals["category"].to_pylist(), products, sums, strict=True
        )
    }
    return {("overall", "all"): float(sums.sum() / products.sum()), **means}


def _slice(
    dimension: str, name: str, drawn: _Drawn, members: IntArray, mean_confidence: float | None
) -> SliceAccuracy:
    """A slice by label knows only its labelled members: all that was drawn tells their chances."""
    ours, by_label = drawn.at(members), dimension == "label"
    known_chances = drawn.known_chances()[members] if by_label else ours.known_chances()
    hits, chances = ours.hits[ours.labelled], known_chances[ours.labelled]
    confidence = ours.confidence[ours.labelled]
    weighted = share_estimate(hits, chances)
    worst, best = missing_bounds(ours.hits, ours.labelled, ours.chances)
    return SliceAccuracy(
        dimension=dimension,
        name=name,
        drawn=len(members),
        weighted=weighted,
        naive=share_estimate(hits, np.ones(len(hits))),
        worst=None if by_label else worst,
        best=None if by_label else best,
        powered=_powered(hits, chances, confidence, mean_confidence, weighted),
    )


def _powered(
    hits: BoolArray,
    chances: FloatArray,
    confidence: FloatArray,
    mean_confidence: float | None,
    weighted: ShareEstimate,
) -> PoweredShare | None:
    """The estimate that leans on confidence, where that may be done and makes it sharper."""
    if mean_confidence is None or weighted.effective_labels < _MIN_POWERED:
        return None
    powered = prediction_powered_share(hits, chances, confidence, surrogate_mean=mean_confidence)
    return powered if powered.estimate.width < weighted.width else None
