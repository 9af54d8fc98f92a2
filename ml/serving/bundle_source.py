"""Where a worker gets bundles from: its machine's copies, else the object store."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from ml.domain.digests import digest_files
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.ports import ObjectStore
from ml.domain.rollouts import Challenger, Champion
from ml.models.bundle import ModelBundle, ModelInput
from ml.models.files import bundle_prefix, load_files
from ml.serving.bundle_copies import BundleCopies

BundleLoader = Callable[[Mapping[str, bytes]], ModelBundle]


class BundleSource:
    """Loads bundles by digest, and hands out only those that answer as the ledger expects."""

    def __init__(
        self, objects: ObjectStore, copies: BundleCopies, load_bundle: BundleLoader
    ) -> None:
        self._objects = objects
        self._copies = copies
        self._load_bundle = load_bundle

    def load(self, version: Champion | Challenger) -> ModelBundle:
        """The bundle of a ledger's version, whole, tried out and warm.

        Raises ServiceUnavailable, NotFound, InvalidInput, and whatever else a bundle does that is
        broken.
        """
        digest = version.bundle_digest
        files = self._copies.load(digest)
        if files is None:
            files = self._fetch(digest)
            self._copies.save(digest, files)
        bundle = self._load_bundle(files)
        _check_label_space(bundle, version)
        _try_out(bundle)
        return bundle

    def _fetch(self, digest: str) -> dict[str, bytes]:
        try:
            files = load_files(self._objects, bundle_prefix(digest))
        except NotFound as error:
            raise NotFound(f"its bundle is not in the object store: {error}") from error
        if digest_files(files) != digest:
            raise InvalidInput("its files in the object store are not those that were admitted")
        return files


def _check_label_space(bundle: ModelBundle, version: Champion | Challenger) -> None:
    """Refuse a bundle of another label space than the ledger's."""
    if bundle.label_space.version != version.label_space_version:
        raise InvalidInput(
            f"it speaks label space {bundle.label_space.version}, "
            f"the ledger says {version.label_space_version}"
        )


def _try_out(bundle: ModelBundle) -> None:
    """Refuse a bundle that does not answer with probabilities."""
    answers = bundle.predict_usable(_trial_inputs()).probabilities
    if answers.shape[1] != len(bundle.label_space) or not np.allclose(answers.sum(axis=1), 1.0):
        raise InvalidInput("its answer to a trial product is not a distribution over its classes")


def _trial_inputs() -> list[ModelInput]:
    """A product without and with a picture; answering them also warms the model up."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(file, "PNG")
    return [ModelInput("trial", "", None), ModelInput("trial", "", file.getvalue())]
