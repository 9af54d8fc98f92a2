"""Pictures of the spool on their way to the object store."""

import logging
import time
from collections.abc import Sequence

from ml.domain.digests import digest_bytes
from ml.domain.ports import ObjectStore
from ml.domain.predictions import Prediction
from ml.domain.products import picture_key
from ml.serving.spool import Spool

_log = logging.getLogger(__name__)

_FORGOTTEN_SECONDS = 3_600.0


class SpooledPictures:
    """Brings pictures to the object store and takes them off the disk."""

    def __init__(self, spool: Spool, objects: ObjectStore) -> None:
        self._spool = spool
        self._objects = objects

    def put(self, predictions: Sequence[Prediction]) -> None:
        """The pictures that predictions name; they must be there before the rows are."""
        for digest in {each.product.picture for each in predictions if each.product.picture}:
            self._put(digest)

    def put_forgotten(self) -> None:
        """Pictures whose row never came, because their worker died between the two."""
        for path in self._spool.pictures():
            if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                self._put(path.name)

    def _put(self, digest: str) -> None:
        path = self._spool.picture_path(digest)
        try:
            picture = path.read_bytes()
        except FileNotFoundError:
            return  # it is in the object store: a copy is removed only after that
        if digest_bytes(picture) != digest:
            _log.error("a picture torn by a power cut is removed, its rows are kept: %s", digest)
        elif not self._objects.exists(picture_key(digest)):
            self._objects.put(picture_key(digest), picture)
        path.unlink(missing_ok=True)
