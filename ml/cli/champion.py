"""Who serves, as `regain status` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml.domain.errors import NotFound, ServiceUnavailable
from ml.domain.rollouts import Challenger, Champion
from ml.wiring.build import Services
from ml.wiring.config import Settings


@dataclass(frozen=True)
class Standing:
    """The champion with its figures, or (`fault`) why they are not known, and who is on trial."""

    champion: Champion | None = None
    challenger: Challenger | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    fault: str | None = None

    @property
    def line(self) -> str:
        """One line for people."""
        if self.champion is None:
            return self.fault or "none yet; train one with the DAG retrain_monthly"
        note = f" (no figures: {self.fault})" if self.fault else ""
        return f"{_version_since(self.champion)}{note}"

    @property
    def trial(self) -> str:
        """One line for people about the challenger."""
        if self.challenger is None:
            return "none"
        return f"{_version_since(self.challenger)}, {self.challenger.share:.1%} of the products"

    def as_json(self) -> dict[str, object]:
        """The same for machines; `version` is null when there is no champion."""
        champion = self.champion
        return {
            "version": champion.model_version if champion else None,
            "since": champion.since.isoformat() if champion else None,
            "bundle_digest": champion.bundle_digest if champion else None,
            "label_space_version": champion.label_space_version if champion else None,
            "metrics": dict(self.metrics),
            "challenger": _challenger_as_json(self.challenger),
            "fault": self.fault,
        }


def standing(settings: Settings) -> Standing:
    """Ask the ledger who serves and is on trial, and the registry for the champion's figures."""
    services = Services(settings)
    try:
        rollout = services.ledger.rollout()
    except ServiceUnavailable as error:
        return Standing(fault=f"unknown: {error}")
    champion, challenger = rollout.champion, rollout.challenger
    if champion is None:
        return Standing()
    try:
        version = services.registry.get(champion.model_version)
    except (ServiceUnavailable, NotFound) as error:
        return Standing(champion, challenger, fault=str(error))
    return Standing(champion, challenger, metrics=dict(sorted(version.metrics.items())))


def _version_since(served: Champion | Challenger) -> str:
    since = served.since.isoformat(sep=" ", timespec="seconds")
    return f"version {served.model_version} since {since}"


def _challenger_as_json(challenger: Challenger | None) -> dict[str, object] | None:
    if challenger is None:
        return None
    return {
        "version": challenger.model_version,
        "since": challenger.since.isoformat(),
        "share": challenger.share,
        "experiment": challenger.experiment,
    }
