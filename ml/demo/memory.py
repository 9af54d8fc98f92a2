"""How much memory the whole stack takes."""

import os
import threading
from contextlib import suppress
from typing import Self

import psutil

from ml.stack.layout import Layout
from ml.stack.processes import owned
from ml.wiring.config import Settings

_SECONDS = 1.0
_MEGABYTE = 2**20


class PeakMemory:
    """The largest sum of resident memory over this process and all processes of the stack.

    Looked at once a second. Pages that processes share (PostgreSQL's buffers, code after a fork)
    count once in each, so the sum is rather too high.
    """

    def __init__(self, settings: Settings) -> None:
        self._layout = Layout.of(settings)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)
        self._peak = 0

    @property
    def megabytes(self) -> float:
        return self._peak / _MEGABYTE

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS):
            self._peak = max(self._peak, self._resident())

    def _resident(self) -> int:
        total = 0
        for process in [psutil.Process(os.getpid()), *owned(self._layout)]:
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total
