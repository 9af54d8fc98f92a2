import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.digests import digest_bytes
from ml.domain.errors import ServiceUnavailable
from ml.serving.records import decode
from ml.serving.spool import Spool
from tests.fakes.serving import made_predictions


def spooled(spool: Spool) -> list[str]:
    """Ids of all that waits in this spool, in order."""
    return [decode(line).prediction_id for segment in spool.waiting() for line in segment.read()[0]]


def test_what_is_appended_can_be_read_at_once_by_anyone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(made_predictions(3), {})
    (path,) = tmp_path.glob("*.ndjson")
    assert len(path.read_bytes().splitlines()) == 3


def test_a_large_segment_is_followed_by_another(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_segment_bytes=1_000)
    predictions = made_predictions(20)
    for prediction in predictions:
        spool.append([prediction], {})
    spool.seal()
    assert len(spool.waiting()) > 1
    assert spooled(spool) == [each.prediction_id for each in predictions]


def test_a_living_owner_keeps_its_segments(tmp_path: Path) -> None:
    owner, other = Spool(tmp_path), Spool(tmp_path)
    owner.append(made_predictions(1), {})
    owner.seal()
    owner.append(made_predictions(1), {})
    other.adopt_orphans()
    owner.adopt_orphans()
    assert not other.waiting()
    assert len(owner.waiting()) == 1


def test_segments_of_an_owner_that_let_go_are_adopted_by_one_alone(tmp_path: Path) -> None:
    predictions = made_predictions(4)
    owner = Spool(tmp_path)
    owner.append(predictions, {})
    owner.close()
    heirs = [Spool(tmp_path) for _ in range(3)]
    for heir in heirs:
        heir.adopt_orphans()
    found = [spooled(heir) for heir in heirs]
    assert sorted(found, key=len)[:2] == [[], []]
    assert max(found, key=len) == [each.prediction_id for each in predictions]


def test_a_removed_segment_is_adopted_by_nobody(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(made_predictions(1), {})
    spool.seal()
    spool.discard(*spool.waiting())
    assert not list(tmp_path.glob("*.ndjson"))
    assert spool.backlog() == (0, 0)


def test_the_backlog_counts_own_and_adopted_rows(tmp_path: Path) -> None:
    owner = Spool(tmp_path)
    owner.append(made_predictions(3), {})
    owner.close()
    heir = Spool(tmp_path)
    heir.append(made_predictions(2), {})
    heir.adopt_orphans()
    rows, size = heir.backlog()
    assert rows == 5
    assert size == sum(path.stat().st_size for path in tmp_path.glob("*.ndjson"))


def test_closing_leaves_no_empty_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([], {})
    spool.close()
    assert not list(tmp_path.iterdir())


@given(st.data())
def test_a_file_cut_anywhere_still_gives_every_whole_line(data: st.DataObject) -> None:
    predictions = made_predictions(3)
    with tempfile.TemporaryDirectory() as folder:
        owner = Spool(Path(folder))
        owner.append(predictions, {})
        owner.close()
        (path,) = Path(folder).glob("*.ndjson")
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        heir = Spool(Path(folder))
        heir.adopt_orphans()
        whole = content[:cut].count(b"\n")
        assert spooled(heir) == [each.prediction_id for each in predictions[:whole]]
        assert heir.waiting()[0].read()[1] == (not content[:cut].endswith(b"\n") and cut > 0)
        heir.close()


def test_a_disk_that_fills_up_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    before, lost, after = made_predictions(3)
    spool.append([before], {})
    write = os.write
    calls = iter([lambda fd, data: write(fd, data[:10]), None])

    def filling(descriptor: int, data: bytes) -> int:
        act = next(calls)
        if act is None:
            raise OSError(28, "No space left on device")
        return act(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr("ml.serving.segments.os.write", filling)
        with pytest.raises(ServiceUnavailable, match="No space left"):
            spool.append([lost], {})
    spool.append([after], {})
    spool.seal()
    assert spooled(spool) == [before.prediction_id, after.prediction_id]


def test_a_folder_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(ServiceUnavailable, match="make room under"):
        Spool(tmp_path / "spool").append(made_predictions(1), {})


def test_fsync_reaches_the_disk_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(
        "ml.serving.segments.os.fsync",
        lambda _: synced.extend(path.stat().st_size for path in tmp_path.glob("*.ndjson")),
    )
    Spool(tmp_path, fsync=False).append(made_predictions(1), {})
    assert not synced
    Spool(tmp_path, fsync=True).append(made_predictions(1), {})
    assert all(synced)
    assert synced


def test_with_fsync_pictures_and_their_names_reach_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        "ml.serving.segments.os.fsync",
        lambda descriptor: synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}"))),
    )
    pictures = {digest_bytes(b"a picture"): b"a picture"}
    Spool(tmp_path / "fast").append(made_predictions(1), pictures)
    assert not synced
    Spool(tmp_path / "sure", fsync=True).append(made_predictions(1), pictures)
    picture, folder, segment = synced
    assert picture.parent == folder == tmp_path / "sure" / "pictures"
    assert segment.suffix == ".ndjson"


def test_a_picture_that_a_power_cut_tore_is_written_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    digest = digest_bytes(b"a picture")
    spool.picture_path(digest).parent.mkdir()
    spool.picture_path(digest).write_bytes(b"")
    spool.append(made_predictions(1), {digest: b"a picture"})
    assert spool.picture_path(digest).read_bytes() == b"a picture"
