"""Decisions with their reasons and numbers, and the ledger of who serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class GateDecision:
    """Whether a candidate may serve; `reasons` lists every check that refused it."""

    admitted: bool
    reasons: tuple[str, ...]
    numbers: Mapping[str, float]

    @property
    def reason(self) -> str:
        """One line for people and the ledger."""
        return "; ".join(self.reasons) if self.reasons else "passed every check of the gate"


class LedgerAction(StrEnum):
    """What a ledger entry did."""

    PROMOTE = "promote"
    REFUSE = "refuse"


@dataclass(frozen=True)
class LedgerChange:
    """A change to append. `key` makes it idempotent: the same key is written once."""

    key: str
    action: LedgerAction
    model_version: int
    bundle_digest: str
    label_space_version: int
    reason: str
    actor: str
    at: datetime
    evidence: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class LedgerEntry:
    """A change as it was recorded; `entry_id` grows by time of writing."""

    entry_id: int
    change: LedgerChange


@dataclass(frozen=True)
class Champion:
    """Who serves now, by the ledger; `bundle_digest` finds the model in the object store."""

    entry_id: int
    model_version: int
    bundle_digest: str
    label_space_version: int
    since: datetime
