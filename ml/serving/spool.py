"""The spool: every answered prediction lies here before its answer is sent, until it is stored.

    <folder>/<random>.ndjson       one line a prediction or shadow score; locked by its owner
    <folder>/pictures/<sha256>     pictures on their way to the object store
    <folder>/rejected/<sha256>.json    what PostgreSQL refused, with the reason

A killed worker loses nothing, because the kernel has the line before the client has the answer; a
power cut may cost the last seconds unless `fsync` is set. Rows are removed only after they are
committed, and storing them is idempotent, so a crash in between repeats a delivery and doubles
nothing.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml.domain.digests import digest_bytes
from ml.domain.errors import ServiceUnavailable
from ml.serving.records import Record, encode
from ml.serving.segments import SUFFIX, Segment, write_whole


class Spool:
    """The spool of one worker in a folder that all workers of a machine share; thread-safe."""

    def __init__(
        self, folder: Path, *, fsync: bool = False, max_segment_bytes: int = 8 * 2**20
    ) -> None:
        self.folder = folder
        self.news = threading.Event()
        self._fsync = fsync
        self._max_segment_bytes = max_segment_bytes
        self._lock = threading.Lock()
        self._active: Segment | None = None
        self._waiting: list[Segment] = []

    def append(self, records: Sequence[Record], pictures: Mapping[str, bytes]) -> None:
        """Keep predictions, and their pictures by SHA-256, before their answer is sent.

        Shadow scores come after the predictions they belong to.

        Raises ServiceUnavailable when the disk does not take them: then nothing may be answered.
        """
        lines = b"".join(encode(record) for record in records)
        try:
            for digest, picture in pictures.items():
                self._keep_picture(digest, picture)
            with self._lock:
                self._writable().append(lines, len(records), fsync=self._fsync)
        except OSError as error:
            raise ServiceUnavailable(
                f"the prediction log can't be written ({error.strerror or error}); "
                f"make room under {self.folder}"
            ) from error
        self.news.set()

    def _keep_picture(self, digest: str, picture: bytes) -> None:
        path = self.picture_path(digest)
        if _size(path) != len(picture):  # else someone just sent the same one
            write_whole(path, picture, fsync=self._fsync)

    def _writable(self) -> Segment:
        if self._active is not None and self._active.size >= self._max_segment_bytes:
            self._seal()
        if self._active is None:
            self._active = Segment.create(self.folder)
        return self._active

    def _seal(self) -> None:
        if self._active is not None and self._active.size:
            self._waiting.append(self._active)
            self._active = None

    def seal(self) -> None:
        """Close the segment being written, so that it can be stored and removed."""
        with self._lock:
            self._seal()

    def adopt_orphans(self) -> None:
        """Take over the segments of workers that died."""
        with self._lock:
            own = {segment.path for segment in (*self._waiting, self._active) if segment}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            segment = None if path in own else Segment.adopt(path)
            if segment is not None:
                with self._lock:
                    self._waiting.append(segment)

    def waiting(self) -> tuple[Segment, ...]:
        """Sealed and adopted segments, oldest first."""
        with self._lock:
            return tuple(self._waiting)

    def discard(self, segment: Segment) -> None:
        """Remove a segment whose rows are all stored."""
        segment.remove()
        with self._lock:
            self._waiting.remove(segment)

    def set_aside(self, line: bytes, reason: str) -> None:
        """Keep a row that can't be stored, with the reason, out of the way of the others."""
        record = {"reason": reason, "row": line.decode("utf-8", "replace")}
        path = self.folder / "rejected" / f"{digest_bytes(line)}.json"
        write_whole(path, json.dumps(record, ensure_ascii=False).encode())

    def picture_path(self, digest: str) -> Path:
        """Where the picture lies until the object store has it."""
        return self.folder / "pictures" / digest

    def pictures(self) -> list[Path]:
        """Pictures on their way, unfinished files of dead workers left out."""
        return [path for path in self.folder.glob("pictures/*") if not path.name.startswith(".")]

    def backlog(self) -> tuple[int, int]:
        """Rows and bytes that this worker still has to store."""
        with self._lock:
            segments = [segment for segment in (*self._waiting, self._active) if segment]
        return sum(each.rows for each in segments), sum(each.size for each in segments)

    def close(self) -> None:
        """Let everything go; what is not stored yet is adopted by the next worker."""
        with self._lock:
            for segment in (*self._waiting, self._active):
                if segment is not None:
                    segment.release() if segment.size else segment.remove()
            self._waiting, self._active = [], None


def _size(path: Path) -> int | None:
    """Bytes of a file, None when it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
