"""The demo's installation: its own, made anew, and nothing real."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ml.demo.options import DemoOptions
from ml.demo.run import MARKER, REAL_SERVICES, _fresh, run_demo
from ml.domain.errors import InvalidInput
from ml.wiring.config import Settings


def test_a_demo_touches_no_real_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_DATABASE_URL", "postgresql://user:secret@prod/regain")
    monkeypatch.setenv("REGAIN_OBJECTS_URL", "s3://prod/regain")
    settings = _fresh(Settings(state=tmp_path))
    assert [getattr(settings, name) for name in REAL_SERVICES] == [None] * len(REAL_SERVICES)
    assert set(REAL_SERVICES) == {
        name for name in Settings.model_fields if name.endswith("_url") and name[:3] != "s3_"
    }


def test_an_earlier_demo_is_removed(tmp_path: Path) -> None:
    folder = _fresh(Settings(state=tmp_path)).state
    (folder / "report.json").write_text("{}")
    assert _fresh(Settings(state=tmp_path)).state == folder
    assert [path.name for path in folder.iterdir()] == [MARKER]


def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidInput, match="move it away"):
        _fresh(Settings(state=tmp_path))
    assert (tmp_path / "demo" / "thesis.tex").exists()


@pytest.mark.parametrize("keep", [False, True])
def test_a_demo_that_breaks_off_says_what_is_left_of_it(tmp_path: Path, keep: bool) -> None:
    screen = io.StringIO()

    def interrupt(stage: str, _: Settings) -> None:
        if stage == "up":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(
            Settings(state=tmp_path),
            DemoOptions(bootstrap=5, keep=keep),
            Console(file=screen, width=200),
            on_stage=interrupt,
        )
    told = screen.getvalue()
    assert f"The demo broke off; what it wrote and the logs are in {tmp_path / 'demo'}" in told
    assert ("✓ Stop everything" in told) is not keep
    assert f"regain --state {tmp_path / 'demo'} {'down' if keep else 'up'}" in told
