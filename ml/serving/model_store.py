"""The champion in memory: loaded, verified, tried out, and swapped in while requests go on."""

import io
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.domain.digests import digest_files
from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.domain.ports import ObjectStore, RolloutLedger
from ml.domain.rollouts import Champion
from ml.models.bundle import ModelBundle, ModelInput
from ml.models.files import bundle_prefix, load_files
from ml.serving.bundle_copies import BundleCopies
from ml.serving.metrics import Metrics

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0
_STOP_SECONDS = 4.0

BundleLoader = Callable[[Mapping[str, bytes]], ModelBundle]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """What one request is answered with, from its first product to its last."""

    champion: Champion
    bundle: ModelBundle


class ModelStore:
    """Follows the rollout ledger; what is served changes only to a bundle that answers."""

    def __init__(
        self,
        ledger: RolloutLedger,
        objects: ObjectStore,
        copies: BundleCopies,
        metrics: Metrics,
        *,
        load_bundle: BundleLoader,
        refresh_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._copies = copies
        self._metrics = metrics
        self._load_bundle = load_bundle
        self._refresh_seconds = refresh_seconds
        self._served: ServedModel | None = None
        self._problem: str | None = None
        self._failed: tuple[int, float] | None = None  # the entry, and when to try it again
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-store", daemon=True)

    def current(self) -> ServedModel | None:
        """The model to answer with; None before the first champion."""
        return self._served

    @property
    def problem(self) -> str | None:
        """Why this worker may not serve the ledger's champion; None when it does."""
        return self._problem

    def start(self) -> None:
        """Load the champion, then follow the ledger in the background."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._refresh_seconds):
            self.refresh()

    def refresh(self) -> None:
        """Look at the ledger once and swap when it names another champion; never raises."""
        try:
            self._follow(self._named_champion())
        except Exception as error:
            self._problem = f"the rollout ledger can't be followed ({type(error).__name__})"
            _log.exception("the rollout ledger can't be followed")
        served = self._served
        version = served.champion.model_version if served else 0
        self._metrics.serving(version, behind=self._problem is not None)

    def _named_champion(self) -> Champion | None:
        """The ledger's champion; while PostgreSQL is away, the one last served here."""
        try:
            champion = self._ledger.champion()
        except ServiceUnavailable as error:
            self._problem = f"serving the last known champion: {error}"
            return self._served.champion if self._served else self._copies.last_champion()
        if self._served is not None and champion == self._served.champion:
            self._problem = None
        return champion

    def _follow(self, champion: Champion | None) -> None:
        if champion is None or (self._served and self._served.champion == champion):
            return
        if self._failed and self._failed[0] == champion.entry_id:
            if time.monotonic() < self._failed[1]:
                return
            self._failed = None
        try:
            self._swap(champion)
        except ServiceUnavailable as error:
            self._fail(champion, error)
        except Exception as error:
            # Whatever a bundle does while it loads, the one that serves stays.
            _log.exception("model version %s can't be loaded", champion.model_version)
            self._fail(champion, error)
            self._failed = (champion.entry_id, time.monotonic() + _RETRY_SECONDS)

    def _fail(self, champion: Champion, error: Exception) -> None:
        self._metrics.model_load_failures.inc()
        self._problem = (
            f"model version {champion.model_version} can't be loaded "
            f"({type(error).__name__}: {error})"
        )

    def _swap(self, champion: Champion) -> None:
        served = self._served
        if served is not None and served.champion.bundle_digest == champion.bundle_digest:
            bundle = served.bundle
        else:
            bundle = self._load(champion)
        self._served = ServedModel(champion, bundle)
        self._problem = None
        self._copies.remember(champion)
        _log.info("serving model version %s", champion.model_version)

    def _load(self, champion: Champion) -> ModelBundle:
        digest = champion.bundle_digest
        files = self._copies.load(digest)
        if files is None:
            files = self._fetch(digest)
            self._copies.save(digest, files)
        bundle = self._load_bundle(files)
        _try_out(bundle, champion)
        return bundle

    def _fetch(self, digest: str) -> dict[str, bytes]:
        try:
            files = load_files(self._objects, bundle_prefix(digest))
        except NotFound as error:
            raise NotFound(f"its bundle is not in the object store: {error}") from error
        if digest_files(files) != digest:
            raise InvalidInput("its files in the object store are not those that were admitted")
        return files


def _try_out(bundle: ModelBundle, champion: Champion) -> None:
    """Refuse a bundle of another label space, or one that does not answer with probabilities."""
    if bundle.label_space.version != champion.label_space_version:
        raise InvalidInput(
            f"it speaks label space {bundle.label_space.version}, "
            f"the ledger says {champion.label_space_version}"
        )
    answers = bundle.predict_usable(_trial_inputs()).probabilities
    if answers.shape[1] != len(bundle.label_space) or not np.allclose(answers.sum(axis=1), 1.0):
        raise InvalidInput("its answer to a trial product is not a distribution over its classes")


def _trial_inputs() -> list[ModelInput]:
    """A product without and with a picture; answering them also warms the model up."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(file, "PNG")
    return [ModelInput("trial", "", None), ModelInput("trial", "", file.getvalue())]
