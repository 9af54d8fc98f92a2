from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ml.cli import catalogue
from ml.cli.main import build
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.adapters.catalogues.folders import jpeg, product, write


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServices:
    fake = FakeServices(Settings(state=tmp_path / "state"))
    monkeypatch.setattr(catalogue, "Services", lambda _settings: fake)
    monkeypatch.setenv("COLUMNS", "200")
    return fake


def regain(services: FakeServices, *arguments: object) -> Result:
    words = ["--state", str(services.settings.state), *map(str, arguments)]
    return CliRunner().invoke(build(), words)


def test_an_import_tells_what_it_did(services: FakeServices, tmp_path: Path) -> None:
    rows = [product("1", image="a.jpg"), product("2", listed_at="2025-01-01")]
    folder = write(tmp_path / "spring", rows, pictures={"a.jpg": jpeg()})
    shown = regain(services, "import", folder, "--listed-before", "2025-01-01")
    assert shown.exit_code == 0
    assert "1, listed 2024-05-01 to 2024-05-01" in shown.output
    assert "1 new, 0 already there" in shown.output
    assert "1 by their time of listing" in shown.output
    again = regain(services, "import", folder, "--listed-from", "2024-05-01T00:00:00+0000")
    assert "1 new, 1 already there" in again.output


def test_faults_are_shown_by_row_and_nothing_is_imported(
    services: FakeServices, tmp_path: Path
) -> None:
    rows = [product(str(i), title="[red]" if i == 0 else "") for i in range(62)]
    shown = regain(services, "import", write(tmp_path / "spring", rows))
    assert shown.exit_code == 1
    assert "Faults: 61" in shown.output
    assert "... and 11 more" in shown.output
    assert shown.output.count("give every product a title") == 50
    assert "spring.csv" in str(shown.exception)
    assert len(services.database.labels) == 0


def test_skip_invalid_imports_the_rest_and_names_the_file(
    services: FakeServices, tmp_path: Path
) -> None:
    folder = write(tmp_path / "spring", [product("1"), product("2", category="")])
    shown = regain(services, "import", folder, "--skip-invalid")
    assert shown.exit_code == 0
    assert "1; reasons in" in shown.output
    assert "rejects/spring.csv" in shown.output.replace("\n", "")
    assert len(services.database.labels) == 1


def test_what_is_generated_can_be_imported(services: FakeServices, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shown = regain(services, "generate", folder, "--products", "30", "--seed", "7")
    assert shown.exit_code == 0
    assert "30 products written" in shown.output
    assert regain(services, "import", folder).exit_code == 0
    assert len(services.database.labels) == 30


def test_an_existing_catalogue_is_not_overwritten(services: FakeServices, tmp_path: Path) -> None:
    folder = write(tmp_path / "made", [product("1")])
    before = (folder / "products.csv").read_bytes()
    shown = regain(services, "generate", folder, "--products", "3")
    assert shown.exit_code == 1
    assert "exists already" in str(shown.exception)
    assert (folder / "products.csv").read_bytes() == before
