"""The contract of RolloutLedger."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import Champion
from tests.examples import day

PROMOTE = LedgerChange(
    key="run-1",
    action=LedgerAction.PROMOTE,
    model_version=1,
    bundle_digest="d1",
    label_space_version=1,
    reason="passed every check of the gate",
    actor="retrain_monthly",
    at=day(1),
    evidence={"weighted_f1": 0.1 + 0.2, "snapshot": "é"},
)
REFUSE = replace(PROMOTE, key="run-2", action=LedgerAction.REFUSE, model_version=2, at=day(2))


def test_an_empty_ledger_has_no_champion(stores):
    assert stores.ledger.champion() is None
    assert stores.ledger.history() == []


def test_the_champion_is_the_newest_promotion(stores):
    first = stores.ledger.append(PROMOTE)
    stores.ledger.append(REFUSE)
    assert stores.ledger.champion() == Champion(first.entry_id, 1, "d1", 1, day(1))
    back_dated = stores.ledger.append(
        replace(PROMOTE, key="run-3", model_version=3, bundle_digest="d3", at=day(0))
    )
    assert stores.ledger.champion() == Champion(back_dated.entry_id, 3, "d3", 1, day(0))


def test_a_key_is_written_once(stores):
    entry = stores.ledger.append(PROMOTE)
    assert entry.change == PROMOTE
    assert stores.ledger.append(replace(PROMOTE, model_version=9, reason="again")) == entry
    assert stores.ledger.history() == [entry]


def test_history_is_oldest_first(stores):
    entries = [stores.ledger.append(change) for change in (PROMOTE, REFUSE)]
    assert stores.ledger.history() == entries
    assert entries[0].entry_id < entries[1].entry_id


def test_numbers_that_json_lacks_are_kept_as_text(stores):
    evidence = {"f1": float("nan"), "limit": float("inf"), "rows": 0.0}
    entry = stores.ledger.append(replace(PROMOTE, evidence=evidence))
    assert entry.change.evidence == {"f1": "nan", "limit": "inf", "rows": 0.0}
    assert stores.ledger.history() == [entry]


@pytest.mark.parametrize(
    "changes", [{"reason": "a\0"}, {"actor": "a\0"}, {"evidence": {"a": "\0"}}]
)
def test_a_nul_byte_is_refused(stores, changes):
    with pytest.raises(InvalidInput, match=next(iter(changes))):
        stores.ledger.append(replace(PROMOTE, **changes))
    assert stores.ledger.history() == []


def test_simultaneous_writers_of_one_key_get_one_entry(stores):
    changes = [
        replace(PROMOTE, key=f"run-{number % 3}", model_version=number % 3) for number in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        entries = list(pool.map(stores.ledger.append, changes))
    assert len(stores.ledger.history()) == 3
    assert {entry.entry_id for entry in entries} == {
        entry.entry_id for entry in stores.ledger.history()
    }
