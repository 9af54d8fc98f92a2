"""The index of frozen label snapshots."""

from sqlalchemy import Engine, select

from ml.adapters.postgres.checks import checked_text
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.rows import insert_new
from ml.adapters.postgres.tables import snapshots
from ml.domain.errors import NotFound
from ml.domain.labels import SnapshotRef


class PostgresSnapshotIndex:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, snapshot: SnapshotRef) -> None:
        """Record a snapshot whose file is complete; one digest is recorded once."""
        row = {
            "digest": snapshot.digest,
            "uri": snapshot.uri,
            "as_of": snapshot.as_of,
            "label_space_version": snapshot.label_space_version,
            "rows": snapshot.rows,
        }
        with transaction(self._engine) as connection:
            insert_new(connection, snapshots, [row])

    def get(self, digest: str) -> SnapshotRef:
        """One snapshot; raises NotFound."""
        query = select(snapshots).where(snapshots.c.digest == checked_text("digest", digest))
        with transaction(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"snapshot {digest!r} does not exist")
        return SnapshotRef(row.digest, row.uri, row.as_of, row.label_space_version, row.rows)
