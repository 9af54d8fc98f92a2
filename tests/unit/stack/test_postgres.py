import sys
from pathlib import Path

import pytest

from ml.stack import postgres
from ml.stack.layout import Layout


def test_a_postgresql_that_hangs_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psql = tmp_path / "psql"
    psql.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    psql.chmod(0o755)
    monkeypatch.setattr(postgres, "binary", lambda _name: psql)
    monkeypatch.setattr(postgres, "_PSQL_SECONDS", 0.1)
    service = postgres.postgres_service(Layout(tmp_path, tmp_path), ["regain"])
    assert service.probe() == "does not answer within 0 s"
