"""Copies of bundles that several workers of a machine write and remove."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest

from ml.domain.digests import digest_files
from ml.domain.rollouts import Champion
from ml.serving.bundle_copies import BundleCopies

FILES = {"bundle.json": b"{}", "text/model.json": b"{}" * 1000}
DIGEST = digest_files(FILES)
CHAMPION = Champion(2, 2, DIGEST, 1, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def copies(tmp_path: Path) -> BundleCopies:
    return BundleCopies(tmp_path / "bundles")


def test_a_copy_comes_back_and_a_damaged_one_does_not(copies: BundleCopies, tmp_path) -> None:
    assert copies.load(DIGEST) is None
    copies.save(DIGEST, FILES)
    assert copies.load(DIGEST) == FILES
    (tmp_path / "bundles" / DIGEST / "bundle.json").write_bytes(b"!")
    assert copies.load(DIGEST) is None
    copies.save(DIGEST, FILES)
    assert copies.load(DIGEST) == FILES


def test_remembering_a_champion_removes_the_others(copies: BundleCopies) -> None:
    older = {"bundle.json": b"older"}
    copies.save(digest_files(older), older)
    copies.save(DIGEST, FILES)
    copies.remember(CHAMPION, keep=())
    assert copies.last_champion() == CHAMPION
    assert copies.load(digest_files(older)) is None
    assert copies.load(DIGEST) == FILES


def test_a_champion_under_watch_is_remembered_as_one(copies: BundleCopies) -> None:
    watched = replace(CHAMPION, shadow_share=0.2, label_probability=0.01)
    copies.save(DIGEST, FILES)
    copies.remember(watched, keep=())
    assert copies.last_champion() == watched


def test_the_record_of_a_program_without_watches_is_read(
    copies: BundleCopies, tmp_path: Path
) -> None:
    copies.save(DIGEST, FILES)
    copies.remember(CHAMPION, keep=())
    path = tmp_path / "bundles" / "champion.json"
    record = json.loads(path.read_text())
    del record["shadow_share"], record["label_probability"]
    path.write_text(json.dumps(record))
    assert copies.last_champion() == CHAMPION


def test_copies_that_are_wanted_beside_the_champion_stay(copies: BundleCopies) -> None:
    other = {"bundle.json": b"on trial"}
    copies.save(digest_files(other), other)
    copies.save(DIGEST, FILES)
    copies.remember(CHAMPION, keep={digest_files(other)})
    assert copies.load(digest_files(other)) == other


def test_workers_that_switch_at_once_do_not_disturb_each_other(copies: BundleCopies) -> None:
    workers = 8
    start = Barrier(workers)
    faults: list[BaseException] = []

    def switch() -> None:
        start.wait()
        try:
            for _ in range(20):
                copies.save(DIGEST, FILES)
                copies.remember(CHAMPION, keep=())
        except BaseException as fault:
            faults.append(fault)

    threads = [Thread(target=switch) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    copies.save(DIGEST, FILES)
    assert copies.load(DIGEST) == FILES


def test_what_a_killed_worker_left_half_written_goes_in_time(
    copies: BundleCopies, tmp_path
) -> None:
    half = tmp_path / "bundles" / ".half" / DIGEST
    half.mkdir(parents=True)
    copies.remember(CHAMPION, keep=())
    assert half.exists()
    long_ago = time.time() - 3_600
    os.utime(half.parent, (long_ago, long_ago))
    copies.remember(CHAMPION, keep=())
    assert not half.parent.exists()
