"""The turn to show the ledger in the registry: one at a time, and never of a dead process."""

import subprocess
import sys
import threading

import pytest
from sqlalchemy import Engine

from ml.adapters.postgres.ledger import PostgresRolloutLedger

HOLDER = """
import sys, time
from ml.adapters.postgres.engine import make_engine
from ml.adapters.postgres.ledger import PostgresRolloutLedger

with PostgresRolloutLedger(make_engine(sys.argv[1])).showing():
    print("shown", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time_has_the_turn(stores) -> None:
    inside, most = 0, 0
    looking = threading.Lock()

    def show() -> None:
        nonlocal inside, most
        with stores.ledger.showing():
            with looking:
                inside += 1
                most = max(most, inside)
            stores.ledger.rollout()
            with looking:
                inside -= 1

    threads = [threading.Thread(target=show) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (inside, most) == (0, 1)


@pytest.mark.integration
def test_a_killed_process_leaves_the_turn_to_others(engine: Engine, database_url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "shown\n"
    had = threading.Event()

    def wait() -> None:
        with PostgresRolloutLedger(engine).showing():
            had.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not had.wait(0.5)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert had.wait(20)
    waiter.join()
