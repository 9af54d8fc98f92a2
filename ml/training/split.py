"""The permanent split: which products are fitted on, chosen on, judged on, for ever.

Products with equal normalised titles or equal pictures form groups, and a group lies on one side:
otherwise this month's champion has trained on next month's test rows. The ledger holds the part of
every product and of every group key ever seen; what was recorded first stays.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ml.domain.digests import digest_of
from ml.domain.labels import Part
from ml.domain.ports import SplitLedger, SplitRecord
from ml.models.cleaning import clean, strip_accents


@dataclass(frozen=True)
class _Member:
    """One product of the snapshot with the keys of the groups it belongs to (none, one or two)."""

    product_id: str
    category: str
    keys: tuple[str, ...]


def group_keys(title: str, picture: str | None) -> tuple[str, ...]:
    """Digests of the normalised title and of the picture, in this order, where there are any.

    Normalised: HTML removed, white space collapsed, case folded, accents stripped (as the text
    model reads it).

    >>> group_keys("<b>Été</b>  Bleu", None) == group_keys("ete bleu", None)
    True
    >>> group_keys(" ", None)
    ()
    """
    normalised = strip_accents(clean(title).casefold())
    keys = [digest_of("title", normalised)] if normalised else []
    keys += [digest_of("picture", picture)] if picture else []
    return tuple(keys)


def assign_parts(
    rows: pa.Table,
    *,
    ledger: SplitLedger,
    seed: int,
    validation_share: float,
    test_share: float,
    min_class_rows: int,
) -> dict[str, Part]:
    """The part of every product of a snapshot; what is new is recorded in one transaction.

    A recorded product keeps its part, and keys it gained by a new title or picture join it. A new
    product (in product_id order) takes the part of its known keys; known keys of different parts
    exclude it for ever; without a known key its class decides (under `min_class_rows` rows in this
    snapshot: train), else a seeded hash of its first key. Its unknown keys are recorded with its
    part. An excluded product brings no key, for both of its two keys were known; so exclusion does
    not spread.

    The answer is read back from the ledger after writing, so two runs at once agree. A recorded
    product that took over a title or picture of another part keeps its part in the ledger, but is
    answered as excluded for as long as it shows that title or picture.
    """
    members = _members(rows)
    hashed = _Hash(seed, validation_share, test_share)
    rare = _rare_categories(members, min_class_rows)
    products, keys = _known(ledger, members)
    records, new_keys = _decide(members, products, keys, hashed, rare)
    if records or new_keys:
        ledger.record(records, new_keys)
        products, keys = _known(ledger, members)
    return {member.product_id: _verdict(member, products, keys) for member in members}


@dataclass(frozen=True)
class _Hash:
    """A key's place in [0, 1) by a seeded hash, cut into test, validation and train."""

    seed: int
    validation_share: float
    test_share: float

    def part(self, key: str) -> Part:
        place = int(digest_of("split", self.seed, key)[:13], 16) / 16**13
        if place < self.test_share:
            return Part.TEST
        return Part.VALIDATION if place < self.test_share + self.validation_share else Part.TRAIN


def _members(rows: pa.Table) -> list[_Member]:
    columns = (rows[name].to_pylist() for name in ("product_id", "category", "title", "picture"))
    return sorted(
        (
            _Member(product_id, category, group_keys(title, picture))
            for product_id, category, title, picture in zip(*columns, strict=True)
        ),
        key=lambda member: member.product_id,
    )


def _rare_categories(members: Sequence[_Member], min_class_rows: int) -> frozenset[str]:
    counts = Counter(member.category for member in members)
    return frozenset(category for category, rows in counts.items() if rows < min_class_rows)


def _known(
    ledger: SplitLedger, members: Sequence[_Member]
) -> tuple[dict[str, Part], dict[str, Part]]:
    """What the ledger holds of these products and of their keys."""
    keys = sorted({key for member in members for key in member.keys})
    products = ledger.parts_of_products([member.product_id for member in members])
    return products, ledger.parts_of_keys(keys)


def _decide(
    members: Sequence[_Member],
    products: Mapping[str, Part],
    keys: Mapping[str, Part],
    hashed: _Hash,
    rare: frozenset[str],
) -> tuple[list[SplitRecord], dict[str, Part]]:
    """The records of new products and the parts of new keys."""
    records: list[SplitRecord] = []
    new_keys: dict[str, Part] = {}
    # Recorded products first: a key that one of them gained must not go to a newcomer.
    for member in sorted(members, key=lambda member: member.product_id not in products):
        part = products.get(member.product_id)
        if part is None:
            decided = (new_keys.get(key) or keys.get(key) for key in member.keys)
            part = _part_of_newcomer(member, {each for each in decided if each}, hashed, rare)
            records.append(SplitRecord(member.product_id, part, member.keys))
        if part is not Part.EXCLUDED:
            for key in member.keys:
                if key not in keys:
                    new_keys.setdefault(key, part)
    return records, new_keys


def _part_of_newcomer(
    member: _Member, known: set[Part], hashed: _Hash, rare: frozenset[str]
) -> Part:
    if len(known) > 1:
        return Part.EXCLUDED
    if known:
        return known.pop()
    if member.category in rare:
        return Part.TRAIN
    return hashed.part(member.keys[0] if member.keys else member.product_id)


def _verdict(member: _Member, products: Mapping[str, Part], keys: Mapping[str, Part]) -> Part:
    part = products[member.product_id]
    tied_elsewhere = any(keys.get(key, part) is not part for key in member.keys)
    return Part.EXCLUDED if tied_elsewhere else part
