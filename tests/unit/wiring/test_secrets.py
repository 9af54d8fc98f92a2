import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from threading import Barrier

import pytest

from ml.domain.errors import InvalidInput
from ml.wiring import secrets
from ml.wiring.secrets import Secrets, load_secrets

NAMES = [field.name for field in fields(Secrets)]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The most careless umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    load_secrets(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_each_is_long_and_unlike_the_others(tmp_path: Path) -> None:
    values = [*asdict(load_secrets(tmp_path / "a")).values()]
    values += asdict(load_secrets(tmp_path / "b")).values()
    assert len(set(values)) == 2 * len(NAMES)
    assert min(map(len, values)) >= 32


def test_they_stay_what_they_were(tmp_path: Path) -> None:
    first = load_secrets(tmp_path)
    assert load_secrets(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_racing_starters_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All eight have seen that there is no file before one of them writes it."""
    barrier = Barrier(8)
    create = secrets._create

    def create_together(path: Path) -> None:
        barrier.wait(10)
        create(path)

    monkeypatch.setattr(secrets, "_create", create_together)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load_secrets, [tmp_path / "state"] * 8))
    assert found == [found[0]] * 8
    assert load_secrets(tmp_path / "state") == found[0]
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["secrets.json"]


GOOD = dict.fromkeys(NAMES, "s3cret" * 8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        json.dumps({**GOOD, "old_token": "x"}).encode(),
        json.dumps({name: GOOD[name] for name in NAMES[1:]}).encode(),
        json.dumps(GOOD).encode()[:-20],
    ],
    ids=["empty", "cut", "no text", "list", "null", "nothing", "one more", "one less", "half"],
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="remove it and new secrets are made") as refusal:
        load_secrets(tmp_path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "s3cret" not in str(refusal.value)
    assert path.read_bytes() == content  # what people must look at is still there
    path.unlink()
    assert load_secrets(tmp_path)


def test_an_installation_of_before_gets_what_it_has_not_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    old = {name: GOOD[name] for name in NAMES if name not in secrets._ADDED}
    path.write_text(json.dumps(old))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load_secrets, [tmp_path] * 8))
    assert found == [load_secrets(tmp_path)] * 8
    assert {name: asdict(found[0])[name] for name in old} == old
    assert min(len(asdict(found[0])[name]) for name in secrets._ADDED) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.json"]


def test_nothing_is_printed(tmp_path: Path) -> None:
    made = load_secrets(tmp_path)
    for shown in (repr(made), str(made), f"{[made]}"):
        assert not any(value in shown for value in asdict(made).values())
