"""The versions of the label space, one row each."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.rows import insert_new
from ml.adapters.postgres.tables import label_spaces
from ml.domain.errors import NotFound
from ml.domain.labels import EMPTY_LABEL_SPACE, LabelSpace


class PostgresLabelSpaces:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self) -> LabelSpace:
        """The newest version; EMPTY_LABEL_SPACE when there is none yet."""
        with transaction(self._engine) as connection:
            return _newest(connection)

    def get(self, version: int) -> LabelSpace:
        """One version; raises NotFound."""
        with transaction(self._engine) as connection:
            return label_space(connection, version)

    def extend(self, categories: Iterable[str], *, cause: str, at: datetime) -> LabelSpace:
        """Add what is new as the next version and return the newest.

        Writers take turns: each extends what the one before it left.
        """
        with transaction(self._engine) as connection:
            lock(connection, "label_spaces")
            known = _newest(connection)
            extended = known.extend(categories)
            if extended.version != known.version:
                row = {
                    "version": extended.version,
                    "classes": list(extended.classes),
                    "cause": cause,
                    "created_at": at,
                }
                insert_new(connection, label_spaces, [row])
            return extended


def label_space(connection: Connection, version: int) -> LabelSpace:
    """One version, read in the caller's transaction; raises NotFound."""
    query = select(label_spaces.c.classes).where(label_spaces.c.version == version)
    classes = connection.scalar(query)
    if classes is None:
        raise NotFound(f"label space version {version} does not exist")
    return LabelSpace(version, tuple(classes))


def _newest(connection: Connection) -> LabelSpace:
    columns = label_spaces.c
    query = select(columns.version, columns.classes).order_by(columns.version.desc()).limit(1)
    row = connection.execute(query).first()
    return LabelSpace(row.version, tuple(row.classes)) if row else EMPTY_LABEL_SPACE
