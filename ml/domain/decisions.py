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
        if self.reasons:
            return "; ".join(self.reasons)
        ours, rows = self.numbers["candidate_weighted_f1"], self.numbers["candidate_rows"]
        if "champion_weighted_f1" not in self.numbers:
            return f"weighted F1 {ours:.4f} on {rows:.0f} test rows, and no champion before it"
        theirs = self.numbers["champion_weighted_f1"]
        return (
            f"weighted F1 {ours:.4f}, the champion's {theirs:.4f} on the same {rows:.0f} test rows"
        )


class LedgerAction(StrEnum):
    """What a ledger entry did to the version it names.

    PROMOTE made it champion and ended any trial; CHALLENGE began its trial on a share of the
    traffic, in place of any other; ROLLBACK took it out of service, be it challenger or champion
    (the champion before it serves again); CONFIRM ended the watch over a champion, which is no
    longer held against the one before it. REFUSE and CONTINUE record decisions that change nothing:
    the gate's, and the judge's when a comparison goes on.
    """

    PROMOTE = "promote"
    CHALLENGE = "challenge"
    ROLLBACK = "rollback"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    CONTINUE = "continue"


@dataclass(frozen=True)
class LedgerChange:
    """A change to append. `key` makes it idempotent: the same key is written once.

    `share` of the products in (0, 1], of a CHALLENGE only. A CHALLENGE and a PROMOTE may begin a
    comparison with the champion before: both models score `shadow_share` of the products, and each
    of their disagreements is put before a person with `label_probability`, both in (0, 1].
    """

    key: str
    action: LedgerAction
    model_version: int
    bundle_digest: str
    label_space_version: int
    reason: str
    actor: str
    at: datetime
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    share: float | None = None
    shadow_share: float | None = None
    label_probability: float | None = None


@dataclass(frozen=True)
class LedgerEntry:
    """A change as it was recorded; `entry_id` grows by time of writing.

    `change.at` may be simulated; `recorded_at` is the database's clock.
    """

    entry_id: int
    change: LedgerChange
    recorded_at: datetime
