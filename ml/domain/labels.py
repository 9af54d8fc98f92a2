"""Labels, the versioned space of their categories, and the snapshots models are trained on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from ml.domain.digests import digest_of
from ml.domain.errors import InvalidInput

MAX_CATEGORY_LENGTH = 100


@dataclass(frozen=True)
class LabelSpace:
    """The ordered categories known at one version.

    A new version appends categories and never reorders or removes one, so a category keeps its
    index for ever and probability vectors of two versions can be compared by their shared prefix.
    """

    version: int
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise InvalidInput(f"label space {self.version} names a category twice")

    def __contains__(self, category: object) -> bool:
        return category in self._indices

    def __len__(self) -> int:
        return len(self.classes)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {category: i for i, category in enumerate(self.classes)}

    def index(self, category: str) -> int:
        """Position of a category; raises InvalidInput when this version does not know it."""
        try:
            return self._indices[category]
        except KeyError:
            raise InvalidInput(
                f"category {category!r} is not in label space version {self.version}"
            ) from None

    def extend(self, categories: Iterable[str]) -> "LabelSpace":
        """The next version with the unknown categories appended in sorted order.

        Returns self when nothing is new.

        >>> LabelSpace(1, ("a",)).extend(["c", "b", "a"])
        LabelSpace(version=2, classes=('a', 'b', 'c'))
        """
        new = sorted(set(categories) - set(self.classes))
        return LabelSpace(self.version + 1, (*self.classes, *new)) if new else self

    def shared(self, other: "LabelSpace") -> tuple[str, ...]:
        """Categories both versions know, in this version's order."""
        return tuple(category for category in self.classes if category in other)


EMPTY_LABEL_SPACE = LabelSpace(0, ())


def checked_category(category: str) -> str:
    """The category stripped of surrounding blanks; raises InvalidInput when it can't be one."""
    name = category.strip()
    if not name:
        raise InvalidInput("category is empty; name one")
    if len(name) > MAX_CATEGORY_LENGTH or not name.isprintable():
        raise InvalidInput(
            f"category {name[:40]!r} must be printable and at most {MAX_CATEGORY_LENGTH} characters"
        )
    return name


class LabelSource(StrEnum):
    """Where a label came from."""

    IMPORT = "import"
    REVIEW = "review"


@dataclass(frozen=True)
class Label:
    """One person's or catalogue's statement about a product revision; never changed, only added.

    `inclusion_probability` in (0, 1] is the probability with which this product was chosen to be
    labelled: 1 for a whole imported catalogue, the union of the selection coins for a review.
    """

    product_id: str
    product_digest: str
    category: str
    label_space_version: int
    source: LabelSource
    reviewer: str
    labelled_at: datetime
    inclusion_probability: float
    prediction_id: str | None = None

    @cached_property
    def label_id(self) -> str:
        """Derived from content, so a repeated delivery is the same label.

        The label-space version is left out: the same statement, sent again after the space grew,
        is still the same statement.
        """
        return digest_of(
            self.product_id,
            self.product_digest,
            self.category,
            self.source.value,
            self.reviewer,
            self.prediction_id,
            self.labelled_at.timestamp(),
        )[:32]


def settled_category(votes: Sequence[tuple[str, str]], *, reviews: int) -> str | None:
    """What (reviewer, category) votes of one product amount to, oldest first; None: not settled.

    A reviewer's later vote replaces an earlier one. `reviews` blind reviewers are waited for; where
    the first two differ a third one adjudicates: the majority counts, and of three different
    categories that of the third.

    >>> settled_category([("anna", "toys"), ("ben", "games")], reviews=2) is None
    True
    >>> settled_category([("anna", "toys"), ("ben", "games"), ("eva", "games")], reviews=2)
    'games'
    """
    latest = dict(votes)  # in the order in which reviewers first voted
    categories = list(latest.values())
    if len(categories) < reviews:
        return None
    if reviews == 1:
        return categories[0]
    category, agreeing = Counter(categories[:3]).most_common(1)[0]
    if agreeing > 1:
        return category
    return categories[2] if len(categories) > 2 else None


class Part(StrEnum):
    """The permanent part of a product: fitted on, chosen on, judged on, or left out of all."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class SnapshotRef:
    """Names one frozen label snapshot.

    `digest` is over the rows, not the file: the same labels give the same digest in whatever
    order they arrived. `uri` points at the Parquet file in the object store.
    """

    digest: str
    uri: str
    as_of: datetime
    label_space_version: int
    rows: int
