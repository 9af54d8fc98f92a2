"""Bundles on this machine's disk, so that a worker can start while PostgreSQL or S3 is away.

<folder>/champion.json          the last champion that was served here
<folder>/<digest>/<file name>   its files
"""

import json
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from ml.domain.digests import digest_files
from ml.domain.rollouts import Champion
from ml.serving.segments import write_whole

_CHAMPION = "champion.json"
_UNFINISHED = "."
_ABANDONED_SECONDS = 600.0


class BundleCopies:
    """Copies shared by the workers of one machine: whole or absent, verified when read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, digest: str) -> dict[str, bytes] | None:
        """The files of a bundle; None when there is no copy or it is not what its name says."""
        folder = self._folder / digest
        try:
            paths = [path for path in folder.rglob("*") if path.is_file()]
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        except FileNotFoundError:  # another worker is removing it
            return None
        return files if files and digest_files(files) == digest else None

    def save(self, digest: str, files: Mapping[str, bytes]) -> None:
        """Keep a bundle, replacing a damaged copy."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=_UNFINISHED) as temporary:
            whole = Path(temporary) / digest
            for name, data in files.items():
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            shutil.rmtree(self._folder / digest, ignore_errors=True)
            try:
                whole.rename(self._folder / digest)
            except OSError:
                return  # another worker put the same bundle there first

    def last_champion(self) -> Champion | None:
        """The champion remembered last; None when there is none or the record is damaged."""
        try:
            record = json.loads((self._folder / _CHAMPION).read_text())
            return Champion(**{**record, "since": datetime.fromisoformat(record["since"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remember(self, champion: Champion, *, keep: Collection[str]) -> None:
        """Make this the champion to start with, and remove copies but its own and those to keep."""
        record = {**vars(champion), "since": champion.since.isoformat()}
        write_whole(self._folder / _CHAMPION, json.dumps(record).encode())
        kept = {champion.bundle_digest, *keep}
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in kept and not _is_fresh(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_fresh(folder: Path) -> bool:
    """Whether another worker may be writing this copy right now."""
    try:
        return (
            folder.name.startswith(_UNFINISHED)
            and time.time() - folder.stat().st_mtime < _ABANDONED_SECONDS
        )
    except FileNotFoundError:
        return False
