from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml.adapters.catalogues import open_catalogue
from ml.domain.errors import InvalidInput


def test_a_folder_without_a_catalogue_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"products.csv.*X_train"):
        open_catalogue(tmp_path)


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "products.csv").touch()
    with pytest.raises(InvalidInput, match="not a folder"):
        open_catalogue(tmp_path / "products.csv")
    with pytest.raises(InvalidInput, match="not a folder"):
        open_catalogue(tmp_path / "none")


def test_products_without_labels_are_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "X_train.csv").touch()
    with pytest.raises(InvalidInput, match="Y_train"):
        open_catalogue(tmp_path)


def test_two_files_of_a_kind_are_ambiguous(tmp_path: Path) -> None:
    for name in ("X_train.csv", "X_train_update.csv", "Y_train.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidInput, match=r"X_train\.csv, X_train_update\.csv"):
        open_catalogue(tmp_path)


def test_a_time_for_a_catalogue_that_has_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "products.csv").touch()
    with pytest.raises(InvalidInput, match="--listed-at"):
        open_catalogue(tmp_path, listed_at=datetime(2024, 1, 1, tzinfo=UTC))
