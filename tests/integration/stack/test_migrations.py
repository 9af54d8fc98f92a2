"""What a database says of its schema, on a real PostgreSQL."""

import pytest

from ml.adapters.postgres.engine import make_engine, transaction
from ml.domain.errors import ServiceUnavailable
from ml.stack.migrations import _revision
from tests.embedded import EmbeddedPostgres

pytestmark = pytest.mark.integration


def test_a_database_tells_its_revision(empty_database_url: str) -> None:
    assert _revision(empty_database_url) is None
    engine = make_engine(empty_database_url)
    for statement in (
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('5ba1a2b3c4d5')",
    ):
        with transaction(engine) as connection:
            connection.exec_driver_sql(statement)
    engine.dispose()
    assert _revision(empty_database_url) == "5ba1a2b3c4d5"


def test_a_database_that_is_away_is_told(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(ServiceUnavailable, match="does not exist"):
        _revision(postgres.url("nowhere"))
