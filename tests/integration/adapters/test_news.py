"""The contract of LedgerNews: word of an entry comes soon, and nothing ever fails or spins."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from ml.adapters.postgres.engine import make_engine, transaction
from ml.adapters.postgres.ledger import PostgresRolloutLedger
from ml.adapters.postgres.news import PostgresLedgerNews
from ml.domain.decisions import LedgerAction, LedgerChange
from tests.embedded import EmbeddedPostgres, embedded_postgres
from tests.examples import START
from tests.fakes import FakeServices

CHANGE = LedgerChange("key", LedgerAction.PROMOTE, 1, "digest", 1, "reason", "actor", START)
LONG, SHORT = 20.0, 0.2  # seconds


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
def told(request: pytest.FixtureRequest) -> Iterator[tuple]:
    """A ledger and the news of it, after the first wait, which connects."""
    if request.param == "fake":
        services = FakeServices()
        ledger, news = services.ledger, services.ledger_news
    else:
        ledger = PostgresRolloutLedger(request.getfixturevalue("engine"))
        news = PostgresLedgerNews(request.getfixturevalue("database_url"))
    news.wait(0.01)
    yield ledger, news
    news.close()


def waited(news, seconds: float) -> float:
    """How long a wait took."""
    start = time.monotonic()
    news.wait(seconds)
    return time.monotonic() - start


def later(action) -> threading.Timer:
    """Do it while somebody waits."""
    timer = threading.Timer(SHORT, action)
    timer.start()
    return timer


def test_without_an_entry_a_wait_takes_its_time(told):
    _, news = told
    assert waited(news, SHORT) >= SHORT * 0.99
    assert waited(news, 0) < SHORT


def test_an_entry_ends_a_wait(told):
    ledger, news = told
    timer = later(lambda: ledger.append(CHANGE))
    assert SHORT / 2 < waited(news, LONG) < LONG / 2
    timer.join()
    assert waited(news, SHORT) >= SHORT * 0.99, "an entry is told once"


def test_an_entry_between_two_waits_is_told(told):
    ledger, news = told
    ledger.append(CHANGE)
    assert waited(news, LONG) < LONG / 2


def test_closing_ends_a_wait_and_all_further_ones(told):
    _, news = told
    timer = later(news.close)
    assert waited(news, LONG) < LONG / 2
    timer.join()
    assert waited(news, LONG) < LONG / 2
    news.close()


@pytest.mark.integration
def test_the_first_wait_returns_at_once_for_what_came_before(database_url):
    news = PostgresLedgerNews(database_url)
    assert waited(news, LONG) < LONG / 2
    news.close()


@pytest.mark.integration
def test_a_lost_connection_costs_one_wait_and_is_made_again(engine, database_url):
    news, ledger = PostgresLedgerNews(database_url), PostgresRolloutLedger(engine)
    news.wait(0)
    with transaction(engine) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert list(connection.scalars(text(others))) == [True]
    assert waited(news, SHORT) >= SHORT * 0.99, "it sleeps, rather than spin"
    assert waited(news, LONG) < LONG / 2, "it has connected and something may have been missed"
    timer = later(lambda: ledger.append(CHANGE))
    assert waited(news, LONG) < LONG / 2
    timer.join()
    news.close()


@pytest.mark.integration
def test_an_unreachable_server_is_slept_over_and_closing_ends_that_too():
    news = PostgresLedgerNews("postgresql+psycopg2://nobody@127.0.0.1:9/regain")
    assert waited(news, SHORT) >= SHORT * 0.99
    timer = later(news.close)
    assert waited(news, LONG) < LONG / 2
    timer.join()


@pytest.mark.integration
def test_a_server_that_was_stopped_is_listened_to_again_when_it_is_back():
    with embedded_postgres() as server:
        _stop_and_start(server, server.url(server.create()))


def _stop_and_start(server: EmbeddedPostgres, url: str) -> None:
    news, engine = PostgresLedgerNews(url), make_engine(url)
    news.wait(0)
    timer = later(server.stop)
    for _ in range(3):
        assert waited(news, 2 * SHORT) >= 2 * SHORT * 0.99
    timer.join()
    server.start()
    assert waited(news, LONG) < LONG / 2
    timer = later(lambda: PostgresRolloutLedger(engine).append(CHANGE))
    assert waited(news, LONG) < LONG / 2
    timer.join()
    news.close()
    engine.dispose()
