"""Who serves, as `regain status` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml.domain.errors import NotFound, ServiceUnavailable
from ml.domain.rollouts import Champion
from ml.wiring.build import Services
from ml.wiring.config import Settings


@dataclass(frozen=True)
class Standing:
    """The champion with its figures, or (`fault`) why they are not known."""

    champion: Champion | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    fault: str | None = None

    @property
    def line(self) -> str:
        """One line for people."""
        if self.champion is None:
            return self.fault or "none yet; train one with the DAG retrain_monthly"
        since = self.champion.since.isoformat(sep=" ", timespec="seconds")
        note = f" (no figures: {self.fault})" if self.fault else ""
        return f"version {self.champion.model_version} since {since}{note}"

    def as_json(self) -> dict[str, object]:
        """The same for machines; `version` is null when there is no champion."""
        champion = self.champion
        return {
            "version": champion.model_version if champion else None,
            "since": champion.since.isoformat() if champion else None,
            "bundle_digest": champion.bundle_digest if champion else None,
            "label_space_version": champion.label_space_version if champion else None,
            "metrics": dict(self.metrics),
            "fault": self.fault,
        }


def standing(settings: Settings) -> Standing:
    """Ask the ledger for the champion and the registry for its figures."""
    services = Services(settings)
    try:
        champion = services.ledger.champion()
    except ServiceUnavailable as error:
        return Standing(fault=f"unknown: {error}")
    if champion is None:
        return Standing()
    try:
        version = services.registry.get(champion.model_version)
    except (ServiceUnavailable, NotFound) as error:
        return Standing(champion, fault=str(error))
    return Standing(champion, metrics=dict(sorted(version.metrics.items())))
