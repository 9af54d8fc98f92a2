"""What a judge can decide of a candidate; each decision says why, and by which numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Ground(StrEnum):
    """Why a candidate is stopped.

    ROLLBACK: less accurate, by the limit or more; REJECTED: less accurate, within it; GUARDRAIL:
    something beside accuracy.
    """

    ROLLBACK = "rollback"
    REJECTED = "rejected"
    GUARDRAIL = "guardrail"


@dataclass(frozen=True)
class _Decision:
    reason: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Promote(_Decision):
    """The challenger is good enough: it takes over."""


@dataclass(frozen=True)
class Await(_Decision):
    """The challenger is good enough, and an engineer is asked to approve that it takes over."""


@dataclass(frozen=True)
class Continue(_Decision):
    """There is too little to tell: the comparison goes on."""


@dataclass(frozen=True)
class Stop(_Decision):
    """The candidate goes, at once: the baseline answers everything again."""

    ground: Ground


@dataclass(frozen=True)
class Expire(_Decision):
    """The trial never showed what the challenger is worth: the champion stays."""


@dataclass(frozen=True)
class Confirm(_Decision):
    """The watch is over: the champion stays."""


Decision = Promote | Await | Continue | Stop | Expire | Confirm


def held_for_approval(promotion: Promote, *, days: float, max_days: float) -> Await | Expire:
    """The promotion as one that an engineer has the last word on, until the trial is over."""
    if days < max_days:
        return Await(f"{promotion.reason}, and waits for approval", promotion.numbers)
    reason = f"{promotion.reason}; {days:.0f} days brought no approval, and the champion stays"
    return Expire(reason, {**promotion.numbers, "days": days, "max_days": max_days})
