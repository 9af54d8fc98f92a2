"""Who answers in this worker: champion and challenger in memory, swapped while requests go on."""

import logging
import threading
import time
from dataclasses import dataclass
from typing import TypeVar

from ml.domain.errors import ServiceUnavailable
from ml.domain.ports import LedgerNews, RolloutLedger
from ml.domain.rollouts import Challenger, Champion, Comparison, ComparisonKind, Rollout
from ml.models.bundle import ModelBundle
from ml.serving.bundle_copies import BundleCopies
from ml.serving.bundle_source import BundleSource
from ml.serving.metrics import Metrics
from ml.serving.served import ServedComparison, ServedModel, ServedRollout

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0
_STOP_SECONDS = 4.0

V = TypeVar("V", bound=Champion | Challenger)


@dataclass(frozen=True)
class _Failure:
    """Why a ledger entry's bundle is not loaded, and when to try it again (monotonic seconds)."""

    reason: str
    retry_at: float


class ModelStore:
    """Follows the rollout ledger; what is served changes only to bundles that answer.

    Champion, challenger and the last former champion are kept loaded, so that a promotion and a
    rollback are swaps; a version that can't be loaded never takes another's place.
    """

    def __init__(
        self,
        ledger: RolloutLedger,
        news: LedgerNews,
        source: BundleSource,
        copies: BundleCopies,
        metrics: Metrics,
        *,
        refresh_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._news = news
        self._source = source
        self._copies = copies
        self._metrics = metrics
        self._refresh_seconds = refresh_seconds
        self._served: ServedRollout | None = None
        self._bundles: dict[str, ModelBundle] = {}
        self._failures: dict[int, _Failure] = {}  # by ledger entry
        self._problem: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-store", daemon=True)

    def current(self) -> ServedRollout | None:
        """Who answers; None before the first champion. One request uses one such answer."""
        return self._served

    @property
    def problem(self) -> str | None:
        """Why this worker may not serve what the ledger says; None when it does."""
        return self._problem

    def start(self) -> None:
        """Load the champion, then follow the ledger in the background."""
        while self._served is None and self._look():
            pass
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._news.close()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.refresh()
            self._news.wait(self._refresh_seconds)

    def refresh(self) -> None:
        """Look at the ledger, swap, and load what is missing; never raises.

        After each load the ledger is asked again: nothing is served that was withdrawn meanwhile.
        """
        while self._look() and not self._stopping.is_set():
            pass

    def _look(self) -> bool:
        """One look; True when a bundle was loaded, so that another look is due."""
        try:
            loaded = self._follow()
        except Exception as error:
            self._problem = f"the rollout ledger can't be followed ({type(error).__name__})"
            _log.exception("the rollout ledger can't be followed")
            loaded = False
        self._tell()
        return loaded

    def _tell(self) -> None:
        served = self._served
        self._metrics.serving(
            served.champion.version.model_version if served else 0,
            served.trial.model_version if served and served.trial else 0,
            behind=self._problem is not None,
        )

    def _follow(self) -> bool:
        try:
            rollout, away = self._ledger.rollout(), None
        except ServiceUnavailable as error:
            away = f"serving the last known champion: {error}"
            rollout = Rollout(champion=None if self._served else self._copies.last_champion())
        if rollout.champion is not None:
            self._swap(rollout, rollout.champion)
        loaded = self._load_missing(rollout)
        self._problem = away or self._trouble(rollout)
        return loaded

    def _swap(self, rollout: Rollout, named: Champion) -> None:
        """Serve what the ledger says, as far as it is loaded, in one assignment."""
        before, champion = self._served, self._model(named)
        if champion is not None:
            served = self._with(champion, rollout)
        elif before is not None:
            # A challenger is tried against the ledger's champion, not against the one before.
            served = ServedRollout(before.champion)
        else:
            return
        keep = {each.bundle_digest for each in (*_wanted(rollout), served.champion.version)}
        self._bundles = {digest: self._bundles[digest] for digest in keep & self._bundles.keys()}
        if before is None or _versions(served) != _versions(before):
            self._served = served
            self._tell()  # at once: what is loaded next may take a while
            self._copies.remember(served.champion.version, keep=keep)
            _log.info("serving %s, on trial: %s", served.champion.version, served.trial)

    def _with(self, champion: ServedModel[Champion], rollout: Rollout) -> ServedRollout:
        """The champion with its challenger and its comparison, as far as those are loaded."""
        terms = rollout.comparison
        challenger = self._model(rollout.challenger) if rollout.challenger else None
        if terms and terms.kind is ComparisonKind.WATCH and (former := self._model(terms.baseline)):
            return ServedRollout(champion, None, ServedComparison(terms, champion, former))
        if terms and challenger:
            return ServedRollout(
                champion, challenger, ServedComparison(terms, challenger, champion)
            )
        return ServedRollout(champion)

    def _model(self, version: V) -> ServedModel[V] | None:
        """A version with its bundle, when that is here and what the ledger says."""
        bundle = self._bundles.get(version.bundle_digest)
        if bundle is None or bundle.label_space.version != version.label_space_version:
            return None
        return ServedModel(version, bundle)

    def _load_missing(self, rollout: Rollout) -> bool:
        """Load the first version that is wanted and not here; True when it now is."""
        wanted = {version.entry_id: version for version in _wanted(rollout)}
        self._failures = {
            entry: failure for entry, failure in self._failures.items() if entry in wanted
        }
        for entry, version in wanted.items():
            failure = self._failures.get(entry)
            due = failure is None or failure.retry_at <= time.monotonic()
            if due and self._model(version) is None:
                return self._load(version)
        return False

    def _load(self, version: Champion | Challenger) -> bool:
        try:
            self._bundles[version.bundle_digest] = self._source.load(version)
        except Exception as error:
            # Whatever a bundle does while it loads, those that serve stay.
            away = isinstance(error, ServiceUnavailable)
            if not away:
                _log.exception("model version %s can't be loaded", version.model_version)
            self._metrics.model_load_failures.inc()
            self._failures[version.entry_id] = _Failure(
                f"model version {version.model_version} can't be loaded "
                f"({type(error).__name__}: {error})",
                retry_at=time.monotonic() + (0.0 if away else _RETRY_SECONDS),
            )
            return False
        self._failures.pop(version.entry_id, None)
        return True

    def _trouble(self, rollout: Rollout) -> str | None:
        """What keeps this worker from serving what the ledger says."""
        champion, challenger = rollout.champion, rollout.challenger
        if champion and champion.entry_id in self._failures:
            return self._failures[champion.entry_id].reason
        if challenger and challenger.entry_id in self._failures:
            reason = self._failures[challenger.entry_id].reason
            return f"the champion answers every product: {reason}"
        terms = rollout.comparison
        if terms and terms.baseline.entry_id in self._failures:
            reason = self._failures[terms.baseline.entry_id].reason
            return f"no product is scored for the watch over the champion: {reason}"
        return None


def _wanted(rollout: Rollout) -> list[Champion | Challenger]:
    """What is kept loaded, the most urgent first."""
    former = rollout.former[-1] if rollout.former else None
    return [each for each in (rollout.champion, rollout.challenger, former) if each]


def _versions(served: ServedRollout) -> tuple[Champion | Challenger | Comparison, ...]:
    named = (served.champion.version, served.trial, served.comparison and served.comparison.terms)
    return tuple(each for each in named if each)
