"""Runs that somebody clears long after: what was decided since then stays decided."""

from contextlib import suppress
from pathlib import Path

import pytest

from ml.domain.errors import InvalidInput, RegainError
from ml.domain.products import Product
from ml.domain.rollouts import Champion
from ml.tasks.release import release
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.installation import (
    AS_OF,
    assess,
    end_trial,
    hours,
    import_products,
    import_titles,
    retrain,
    title,
    train,
)

EARLY = hours(150).isoformat()
LATE = hours(400).isoformat()


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    """Two months of products that are equally easy, so no version is worse than another."""
    services = FakeServices(Settings(state=tmp_path, seed=7))
    import_titles(services, range(140))
    import_titles(services, range(200, 340))
    return services


def _served(services: FakeServices) -> tuple[Champion | None, int, dict[str, int]]:
    """Who serves, how many decisions were made, and what people see of it."""
    aliases = services.registry.aliases()
    return services.ledger.champion(), len(services.ledger.history()), aliases


@pytest.fixture
def first(services: FakeServices) -> tuple[int, str]:
    """Version and evaluation of a finished first run; a second one is promoted over it."""
    version, evaluation = assess(services, *train(services, EARLY), as_of=EARLY)
    action = release(
        version=version.version,
        evaluation_key=evaluation,
        as_of=EARLY,
        run="early",
        services=services,
    )
    assert action == "promote"
    assert retrain(services, "late", LATE) == "challenge"
    end_trial(services)
    champion, entries, aliases = _served(services)
    assert champion is not None
    assert (champion.model_version, entries, aliases) == (2, 3, {"champion": 2})
    return version.version, evaluation


@pytest.mark.usefixtures("first")
def test_a_whole_old_run_cleared_changes_nothing(services: FakeServices) -> None:
    before = _served(services)
    with suppress(RegainError):  # it may refuse to run, but it may not decide anything
        retrain(services, "early", EARLY)
    assert _served(services) == before


def test_the_promotion_of_an_old_run_cleared_changes_nothing(
    services: FakeServices, first: tuple[int, str]
) -> None:
    version, evaluation = first
    before = _served(services)
    with suppress(RegainError):
        release(
            version=version,
            evaluation_key=evaluation,
            as_of=EARLY,
            run="early",
            services=services,
        )
    assert _served(services) == before


@pytest.mark.usefixtures("first")
def test_the_newest_run_cleared_changes_nothing(services: FakeServices) -> None:
    before = _served(services)
    retrain(services, "late", LATE)
    assert _served(services) == before


def test_a_lost_alias_comes_back_with_any_cleared_promotion(
    services: FakeServices, first: tuple[int, str]
) -> None:
    """The ledger says who serves; the registry's alias follows it, never the cleared run."""
    version, evaluation = first
    services.registry.drop_alias("champion")
    with suppress(RegainError):
        release(
            version=version,
            evaluation_key=evaluation,
            as_of=EARLY,
            run="early",
            services=services,
        )
    retrain(services, "late", LATE)
    assert services.registry.aliases() == {"champion": 2}


def test_a_promotion_held_against_another_champion_is_not_made(services: FakeServices) -> None:
    """Its task died before the ledger was written, and meanwhile another version was promoted."""
    version, evaluation = assess(services, *train(services, EARLY), as_of=EARLY)
    assert retrain(services, "late", LATE) == "promote"
    before = _served(services)
    with pytest.raises(InvalidInput, match="evaluate"):
        release(
            version=version.version,
            evaluation_key=evaluation,
            as_of=EARLY,
            run="early",
            services=services,
        )
    assert _served(services) == before


def test_nor_when_both_were_held_against_the_same_champion(services: FakeServices) -> None:
    retrain(services, "early", EARLY)
    waiting, evaluation = assess(services, *train(services, LATE), as_of=LATE)
    import_titles(services, range(500, 640))
    assert retrain(services, "by hand", AS_OF) == "challenge"
    end_trial(services)
    before = _served(services)
    with pytest.raises(InvalidInput, match="evaluate"):
        release(
            version=waiting.version,
            evaluation_key=evaluation,
            as_of=LATE,
            run="late",
            services=services,
        )
    assert _served(services) == before


@pytest.mark.usefixtures("first")
def test_late_labels_do_not_let_an_old_run_decide_again(services: FakeServices) -> None:
    """Its labels changed, so clearing it trains another bundle; the newer one still serves."""
    products = {
        Product(f"late{number}", title("books", 9000 + number), "", None, hours(100)): "books"
        for number in range(30)
    }
    import_products(services, products)
    before = _served(services)
    with suppress(RegainError):
        retrain(services, "early", EARLY)
    assert _served(services) == before
