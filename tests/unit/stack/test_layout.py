from pathlib import Path

import pytest

from ml.domain.errors import InvalidInput
from ml.stack.layout import Layout
from ml.wiring.config import Settings


def modes(layout: Layout) -> dict[str, int]:
    return {
        name: getattr(layout, name).stat().st_mode & 0o7777
        for name in ("state", "sockets", "run", "logs", "airflow", "artifacts")
    }


def test_folders_are_private(tmp_path: Path) -> None:
    layout = Layout.of(Settings(state=tmp_path / "state"))
    layout.make(shared_group=None)
    assert set(modes(layout).values()) == {0o700}


def test_postgresqls_user_passes_the_state_folder_and_reaches_the_sockets(tmp_path: Path) -> None:
    layout = Layout.of(Settings(state=tmp_path / "state"))
    group = tmp_path.stat().st_gid
    layout.make(shared_group=group)
    found = modes(layout)
    assert found.pop("state") == 0o710
    assert found.pop("sockets") == 0o1770
    assert set(found.values()) == {0o700}


def test_a_folder_others_can_write_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(InvalidInput, match="give regain a folder of its own"):
        Layout(shared, shared / "sockets").make(shared_group=None)
    assert shared.stat().st_mode & 0o777 == 0o777


def test_a_long_state_path_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    layout = Layout.of(Settings(state=tmp_path / ("long" * 30)))
    assert len(str(layout.sockets / ".s.PGSQL.5432.lock")) < 107
    assert layout.sockets.parent == Path("/tmp")
