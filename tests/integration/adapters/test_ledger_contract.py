"""The contract of RolloutLedger."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.errors import Conflict, InvalidInput
from ml.domain.rollouts import Champion, Rollout
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
CHALLENGE = replace(
    PROMOTE,
    key="run-3",
    action=LedgerAction.CHALLENGE,
    model_version=3,
    bundle_digest="d3",
    at=day(3),
    share=0.05,
)

WATCHED = replace(PROMOTE, key="run-4", model_version=4, at=day(4), shadow_share=0.2)
WATCHED = replace(WATCHED, label_probability=0.1 + 0.2)


def rollback(version, **changes):
    fields = {"key": f"back-{version}", "action": LedgerAction.ROLLBACK, "at": day(9)}
    return replace(PROMOTE, model_version=version, **{**fields, **changes})


def confirm(version):
    return rollback(version, key=f"sure-{version}", action=LedgerAction.CONFIRM)


def test_an_empty_ledger_has_no_champion(stores):
    assert stores.ledger.rollout() == Rollout()
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


def test_an_entry_tells_when_it_was_recorded(stores):
    before = datetime.now(UTC) - timedelta(minutes=1)
    entry = stores.ledger.append(PROMOTE)
    assert before < entry.recorded_at < before + timedelta(minutes=2)
    assert entry.recorded_at.utcoffset() == timedelta(0)


def test_a_trial_begins_and_ends_with_a_promotion(stores):
    ledger = stores.ledger
    first = ledger.append(PROMOTE)
    trial = ledger.append(CHALLENGE)
    rollout = ledger.rollout()
    assert rollout.entry_id == trial.entry_id
    assert rollout.champion.entry_id == first.entry_id
    assert (rollout.challenger.model_version, rollout.challenger.share) == (3, 0.05)
    assert rollout.challenger.experiment == f"trial-{trial.entry_id}"

    ledger.append(replace(CHALLENGE, key="won", action=LedgerAction.PROMOTE, share=None))
    assert ledger.champion().model_version == 3
    assert ledger.rollout().challenger is None


def test_a_rollback_ends_a_trial_or_returns_to_the_former_champion(stores):
    ledger = stores.ledger
    first = ledger.append(PROMOTE)
    ledger.append(replace(PROMOTE, key="second", model_version=2, bundle_digest="d2"))
    ledger.append(CHALLENGE)
    ledger.append(rollback(3))
    assert ledger.rollout().challenger is None
    assert ledger.champion().model_version == 2
    back = ledger.append(rollback(2))
    assert ledger.champion() == Champion(back.entry_id, 1, "d1", 1, day(9))
    assert ledger.rollout().former == ()
    assert ledger.history()[0] == first


def test_a_comparison_goes_from_the_trial_to_the_end_of_the_watch(stores):
    ledger = stores.ledger
    ledger.append(PROMOTE)
    trial = ledger.append(replace(CHALLENGE, shadow_share=1.0, label_probability=0.01))
    comparison = ledger.rollout().comparison
    assert comparison.experiment == f"trial-{trial.entry_id}"
    assert (comparison.shadow_share, comparison.label_probability) == (1.0, 0.01)

    watched = ledger.append(WATCHED)
    assert watched.change == WATCHED
    assert ledger.history()[-1] == watched
    comparison = ledger.rollout().comparison
    assert comparison.experiment == f"watch-{watched.entry_id}"
    assert (comparison.candidate.model_version, comparison.baseline.model_version) == (4, 1)
    assert comparison.label_probability == WATCHED.label_probability

    sure = ledger.append(confirm(4), seen=watched.entry_id)
    assert ledger.rollout().entry_id == sure.entry_id
    assert ledger.rollout().comparison is None
    assert ledger.champion().model_version == 4
    with pytest.raises(Conflict):
        ledger.append(rollback(4), seen=watched.entry_id)


def test_decisions_that_change_nothing_leave_the_rollout(stores):
    stores.ledger.append(PROMOTE)
    before = stores.ledger.rollout()
    going_on = replace(PROMOTE, key="go on", action=LedgerAction.CONTINUE)
    assert stores.ledger.append(going_on, seen=before.entry_id).entry_id > before.entry_id
    stores.ledger.append(REFUSE)
    assert stores.ledger.rollout() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([CHALLENGE], "version 3 has no champion to challenge"),
        ([PROMOTE, replace(PROMOTE, key="again")], "version 1 is champion already"),
        ([PROMOTE, replace(CHALLENGE, model_version=1)], "version 1 is champion already"),
        ([rollback(1)], "version 1 is neither champion nor challenger"),
        ([PROMOTE, rollback(1)], "version 1 is the first champion"),
        ([PROMOTE, CHALLENGE, rollback(2)], "version 2 is neither champion nor challenger"),
        ([PROMOTE, replace(CHALLENGE, share=None)], "share of a challenge is None"),
        ([PROMOTE, replace(CHALLENGE, share=0.0)], "share of a challenge is 0"),
        ([PROMOTE, replace(CHALLENGE, share=1.01)], "share of a challenge is 1.01"),
        ([PROMOTE, replace(CHALLENGE, share=float("nan"))], "share"),
        ([replace(PROMOTE, share=0.5)], "share is of a challenge only"),
        ([replace(WATCHED, shadow_share=None)], "shadow_share of a promote is None"),
        ([replace(WATCHED, label_probability=0.0)], "label_probability of a promote is 0"),
        ([PROMOTE, replace(CHALLENGE, shadow_share=1.5)], "shadow_share of a challenge is 1.5"),
        ([replace(WATCHED, action=LedgerAction.REFUSE)], "a refuse begins no comparison"),
        ([PROMOTE, confirm(3)], "version 3 is not champion"),
    ],
)
def test_a_change_that_leads_nowhere_is_refused(stores, changes, message):
    *before, last = changes
    entries = [stores.ledger.append(change) for change in before]
    with pytest.raises(InvalidInput, match=message):
        stores.ledger.append(last)
    assert stores.ledger.history() == entries


def test_a_decision_on_an_older_rollout_conflicts(stores):
    first = stores.ledger.append(PROMOTE, seen=0)
    trial = stores.ledger.append(CHALLENGE, seen=first.entry_id)
    promote = replace(CHALLENGE, key="won", action=LedgerAction.PROMOTE, share=None)
    with pytest.raises(Conflict, match="the rollout"):
        stores.ledger.append(promote, seen=first.entry_id)
    assert stores.ledger.history() == [first, trial]
    assert stores.ledger.append(PROMOTE, seen=0) == first, "a recorded key is looked up first"
    stores.ledger.append(promote, seen=trial.entry_id)
    assert stores.ledger.champion().model_version == 3


def test_of_simultaneous_decisions_on_one_rollout_one_is_taken(stores):
    seen = stores.ledger.append(PROMOTE).entry_id

    def decide(version):
        try:
            stores.ledger.append(
                replace(PROMOTE, key=f"v{version}", model_version=version), seen=seen
            )
        except Conflict:
            return 0
        return version

    with ThreadPoolExecutor(6) as pool:
        (taken,) = filter(None, pool.map(decide, range(2, 14)))
    assert stores.ledger.champion().model_version == taken
    assert len(stores.ledger.history()) == 2
