"""Files of the spool: append-only, locked by the process that owns them, whole lines or nothing.

A process that dies, by whatever signal, loses its locks: that is how others know that a segment has
no owner any more. What it wrote stays with the kernel, so it is there for whoever adopts the file.
"""

import fcntl
import os
import tempfile
import uuid
from pathlib import Path

SUFFIX = ".ndjson"


class Segment:
    """One locked file of lines. `rows` counts its complete lines, `size` its bytes."""

    def __init__(self, path: Path, descriptor: int, content: bytes = b"") -> None:
        self.path = path
        self.size = len(content)
        self.rows = content.count(b"\n")
        self._descriptor = descriptor

    @classmethod
    def create(cls, folder: Path) -> "Segment":
        """A new, empty segment owned by this process; raises OSError when the disk refuses."""
        while True:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
            descriptor = _lock(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            if descriptor is not None:  # else someone adopted the file before it was locked
                return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> "Segment | None":
        """The segment of an owner that died; None while the owner lives or when it is gone."""
        descriptor = _lock(path, os.O_RDWR | os.O_APPEND)
        return None if descriptor is None else cls(path, descriptor, path.read_bytes())

    def append(self, lines: bytes, rows: int, *, fsync: bool) -> None:
        """Hand lines to the kernel (to the disk with `fsync`): whole, or OSError and not at all."""
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
            if fsync:
                os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(lines)
        self.rows += rows

    def read(self) -> tuple[list[bytes], bool]:
        """The complete lines, and whether a torn one follows: it was never answered."""
        *lines, rest = self.path.read_bytes().split(b"\n")
        return lines, bool(rest)

    def remove(self) -> None:
        """Delete the file, then let it go; nobody can adopt it in between."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Give up the lock; what is left in the file is for others to adopt."""
        os.close(self._descriptor)


def _lock(path: Path, flags: int) -> int | None:
    """Open and lock a file; None when another process has it, or removed it in the meantime."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def write_whole(path: Path, data: bytes, *, fsync: bool = False) -> None:
    """Write a file so that it is there complete or not at all, replacing what was there.

    With `fsync` that holds after a power cut too, and the file is on the disk on return.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if fsync:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the names of a folder's files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
