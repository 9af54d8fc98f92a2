"""Word of new ledger entries by LISTEN, on a connection of its own."""

import os
import selectors
import threading
import time
from contextlib import closing
from typing import Any

import psycopg2
from sqlalchemy import make_url

from ml.adapters.postgres.engine import CONNECT_ARGS


class PostgresLedgerNews:
    """Implements ports.LedgerNews; `url` is the database's. One thread waits, any may close."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url).set(drivername="postgresql")
        self._dsn = parsed.render_as_string(hide_password=False)
        self._connection: Any = None
        self._closed = threading.Event()
        self._waiting = threading.Lock()
        self._bell, self._rope = os.pipe()  # close() pulls the rope, wait() hears the bell

    def wait(self, seconds: float) -> None:
        """Return soon after an entry was appended, after `seconds` at the latest; never raises.

        Also returns when it has just connected, since entries were missed before, and when closed.
        While PostgreSQL is away it sleeps, and connects anew at the next call.
        """
        deadline = time.monotonic() + seconds
        with self._waiting:
            if self._closed.is_set():
                return
            try:
                if self._connection is None:
                    self._connection = _listening(self._dsn)
                else:
                    self._listen(deadline)
                self._connection.notifies.clear()
            except psycopg2.Error:
                self._disconnect()
                self._sleep(deadline - time.monotonic())

    def close(self) -> None:
        """Let go of the connection; a wait that is going on ends."""
        if self._closed.is_set():
            return
        self._closed.set()
        os.write(self._rope, b"!")
        with self._waiting:
            self._disconnect()
            os.close(self._rope)
            os.close(self._bell)

    def _listen(self, deadline: float) -> None:
        """Until a notification comes: other messages, such as a server's last words, are none."""
        while not self._connection.notifies and not self._closed.is_set():
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                return
            self._sleep(seconds, self._connection)
            self._connection.poll()

    def _sleep(self, seconds: float, *others: Any) -> None:
        """Until the bell rings, or something is to be read from the others."""
        with selectors.DefaultSelector() as selector:
            for each in (self._bell, *others):
                selector.register(each, selectors.EVENT_READ)
            selector.select(max(0.0, seconds))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _listening(dsn: str) -> Any:
    """A new connection that is told of ledger entries; raises psycopg2.Error."""
    connection = psycopg2.connect(dsn, **CONNECT_ARGS)
    try:
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            cursor.execute("LISTEN regain_ledger")
    except BaseException:
        connection.close()
        raise
    return connection
