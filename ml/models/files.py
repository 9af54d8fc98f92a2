"""Sets of files in the object store: whole or absent, never half."""

import json
from collections.abc import Mapping

from ml.domain.errors import NotFound
from ml.domain.ports import ObjectStore

MANIFEST = "manifest.json"


def save_files(objects: ObjectStore, prefix: str, files: Mapping[str, bytes]) -> None:
    """Store files below a prefix. The manifest is written last: without it nothing is there."""
    for name in sorted(files):
        objects.put(f"{prefix}/{name}", files[name])
    objects.put(f"{prefix}/{MANIFEST}", json.dumps(sorted(files)).encode())


def load_files(objects: ObjectStore, prefix: str) -> dict[str, bytes]:
    """The files saved below a prefix, by name; raises NotFound when they were never complete."""
    names: list[str] = json.loads(objects.get(f"{prefix}/{MANIFEST}"))
    return {name: objects.get(f"{prefix}/{name}") for name in names}


def find_files(objects: ObjectStore, prefix: str) -> dict[str, bytes] | None:
    """Like `load_files`, but None when they were never complete."""
    try:
        return load_files(objects, prefix)
    except NotFound:
        return None


def bundle_prefix(bundle_digest: str) -> str:
    """Where a bundle lies: the registry shows it to people, serving loads it from here."""
    return f"bundles/{bundle_digest}"
