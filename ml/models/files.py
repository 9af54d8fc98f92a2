"""Sets of files in the object store: whole or absent, never half, never mixed.

Each file lies under its own digest (so equal files of two sets are stored once), and a manifest,
written last, says which files a set has. Two writers of one set can't mix theirs: whoever writes
the manifest last wins whole.
"""

import json
from collections.abc import Mapping

from ml.domain.digests import digest_bytes
from ml.domain.errors import InvalidInput
from ml.domain.ports import ObjectStore


def save_files(objects: ObjectStore, prefix: str, files: Mapping[str, bytes]) -> None:
    """Store a set of files under a prefix of its own."""
    manifest = {name: digest_bytes(data) for name, data in files.items()}
    for name, digest in manifest.items():
        if not objects.exists(_blob(digest)):
            objects.put(_blob(digest), files[name])
    objects.put(_manifest(prefix), json.dumps(manifest, sort_keys=True, indent=1).encode())


def has_files(objects: ObjectStore, prefix: str) -> bool:
    """Whether the set under a prefix is complete."""
    return objects.exists(_manifest(prefix))


def load_files(objects: ObjectStore, prefix: str) -> dict[str, bytes]:
    """The set's files by name.

    Raises NotFound when it was never complete, InvalidInput when a file is not what was saved.
    """
    manifest: dict[str, str] = json.loads(objects.get(_manifest(prefix)))
    return {name: _verified(objects, prefix, name, digest) for name, digest in manifest.items()}


def load_file(objects: ObjectStore, prefix: str, name: str) -> bytes:
    """One file of a complete set; raises as `load_files`, and KeyError for a name it lacks."""
    manifest: dict[str, str] = json.loads(objects.get(_manifest(prefix)))
    return _verified(objects, prefix, name, manifest[name])


def bundle_prefix(bundle_digest: str) -> str:
    """Where a bundle lies: the registry shows it to people, serving loads it from here."""
    return f"bundles/{bundle_digest}"


def _verified(objects: ObjectStore, prefix: str, name: str, digest: str) -> bytes:
    data = objects.get(_blob(digest))
    if digest_bytes(data) != digest:
        raise InvalidInput(f"{name} of {prefix} is damaged in the object store; restore {digest}")
    return data


def _manifest(prefix: str) -> str:
    return f"{prefix}/manifest.json"


def _blob(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
