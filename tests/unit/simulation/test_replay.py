from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.adapters.catalogues import open_catalogue
from ml.domain.errors import InvalidInput
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace
from ml.simulation.replay import replay, write_catalogue

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def item(product_id: str, listed_at: datetime = NOON, **fields: str) -> SimulatedProduct:
    usual = {"title": "a", "description": "", "category": "10"} | fields
    return SimulatedProduct(product_id=product_id, picture=None, listed_at=listed_at, **usual)


def replayed(folder: Path) -> list[SimulatedProduct]:
    return list(replay(open_catalogue(folder).listings()))


def test_a_marketplace_written_and_replayed_is_the_same(tmp_path: Path) -> None:
    made = list(Marketplace(seed=7).products(30))
    assert write_catalogue(made, tmp_path / "new" / "folder") == 30
    for one, other in zip(made, replayed(tmp_path / "new" / "folder"), strict=True):
        assert (one.product_id, one.title, one.description) == (
            other.product_id,
            other.title,
            other.description,
        )
        assert (one.picture, one.category, one.listed_at) == (
            other.picture,
            other.category,
            other.listed_at,
        )


def test_a_replay_is_in_the_order_of_listing(tmp_path: Path) -> None:
    earlier = NOON - timedelta(days=1)
    write_catalogue([item("b"), item("c", earlier), item("a")], tmp_path)
    assert [product.product_id for product in replayed(tmp_path)] == ["c", "a", "b"]


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
printable = text.filter(lambda id_: id_.strip() and id_.isprintable())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(title=text.filter(str.strip), description=text, product_id=printable)
def test_any_text_survives(tmp_path: Path, title: str, description: str, product_id: str) -> None:
    (tmp_path / "products.csv").unlink(missing_ok=True)
    write_catalogue([item(product_id, title=title, description=description)], tmp_path)
    (product,) = replayed(tmp_path)
    assert (product.product_id, product.title) == (product_id.strip(), title)
    assert product.description == description


def test_a_product_id_is_never_a_path(tmp_path: Path) -> None:
    (made,) = Marketplace(seed=1).products(1)
    risky = SimulatedProduct(**{**vars(made), "product_id": "../../outside"})
    write_catalogue([risky], tmp_path / "catalogue")
    assert replayed(tmp_path / "catalogue")[0].picture == made.picture
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue"]


def test_a_catalogue_in_the_way_is_left_alone(tmp_path: Path) -> None:
    write_catalogue([item("1")], tmp_path)
    with pytest.raises(InvalidInput, match="exists already"):
        write_catalogue([item("2")], tmp_path)
    assert [product.product_id for product in replayed(tmp_path)] == ["1"]


def test_a_catalogue_half_written_is_none(tmp_path: Path) -> None:
    def dying() -> object:
        yield item("1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_catalogue(dying(), tmp_path)  # type: ignore[arg-type]  # a generator that dies
    with pytest.raises(InvalidInput, match="no catalogue"):
        open_catalogue(tmp_path)
    write_catalogue([item("2")], tmp_path)
    assert [product.product_id for product in replayed(tmp_path)] == ["2"]
