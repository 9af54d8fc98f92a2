from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import CHANGING, Rollout, rollout_of
from tests.examples import START, day


def a_change(action: LedgerAction, version: int, share: float | None = None) -> LedgerChange:
    if action is LedgerAction.CHALLENGE and share is None:
        share = 0.05
    digest = f"digest of {version}"
    return LedgerChange("key", action, version, digest, 1, "reason", "ana", START, share=share)


def recorded(changes: list[LedgerChange]) -> list[LedgerEntry]:
    """As a ledger would: those that lead nowhere are refused; a change a day."""
    rollout, entries = Rollout(), []
    for change in changes:
        try:
            rollout.check(change)
        except InvalidInput:
            continue
        number = len(entries) + 1
        entries.append(LedgerEntry(number, replace(change, at=day(number)), START))
        rollout = rollout.after(entries[-1])
    return entries


histories = st.lists(
    st.builds(a_change, st.sampled_from(LedgerAction), st.integers(1, 4)), max_size=25
).map(recorded)


@given(histories)
def test_who_serves_is_one_that_was_promoted_and_whoever_is_tried_is_another(entries):
    rollout = rollout_of(entries)
    promoted = {e.change.model_version for e in entries if e.change.action is LedgerAction.PROMOTE}
    assert (rollout.champion is None) == (not promoted)
    if rollout.champion:
        assert rollout.champion.model_version in promoted
        assert rollout.champion.bundle_digest == f"digest of {rollout.champion.model_version}"
    if rollout.challenger:
        assert rollout.champion
        assert rollout.challenger.model_version != rollout.champion.model_version


@given(histories)
def test_the_rollout_is_at_the_newest_entry_that_changed_it(entries):
    changing = [entry.entry_id for entry in entries if entry.change.action in CHANGING]
    assert rollout_of(entries).entry_id == max(changing, default=0)
    assert rollout_of(e for e in entries if e.change.action in CHANGING) == rollout_of(entries)


@given(histories, st.integers(5, 9))
def test_a_promotion_ends_any_trial_and_can_be_rolled_back(entries, version):
    before = rollout_of(entries)
    promotion, back = (
        LedgerEntry(len(entries) + i, replace(a_change(action, version), at=day(90 + i)), START)
        for i, action in ((1, LedgerAction.PROMOTE), (2, LedgerAction.ROLLBACK))
    )
    before.check(promotion.change)
    after = before.after(promotion)
    assert after.challenger is None
    assert (after.champion.entry_id, after.champion.model_version) == (promotion.entry_id, version)
    assert after.champion.since == day(91)
    assert after.former == ((*before.former, before.champion) if before.champion else ())

    if before.champion:
        after.check(back.change)
        returned = after.after(back)
        assert returned.former == before.former
        assert returned.challenger is None
        assert returned.champion == replace(before.champion, entry_id=back.entry_id, since=day(92))
    else:
        with pytest.raises(InvalidInput, match="first champion"):
            after.check(back.change)


@given(histories, st.floats(0, 1, exclude_min=True))
def test_a_trial_replaces_another_and_its_end_leaves_the_champion(entries, share):
    before = rollout_of(entries)
    begin = LedgerEntry(len(entries) + 1, a_change(LedgerAction.CHALLENGE, 9, share), START)
    if before.champion is None:
        with pytest.raises(InvalidInput, match="no champion to challenge"):
            before.check(begin.change)
        return
    before.check(begin.change)
    trial = before.after(begin)
    assert (trial.champion, trial.former) == (before.champion, before.former)
    assert (trial.challenger.model_version, trial.challenger.share) == (9, share)
    assert trial.challenger.experiment == f"trial-{begin.entry_id}"

    end = LedgerEntry(begin.entry_id + 1, a_change(LedgerAction.ROLLBACK, 9), START)
    trial.check(end.change)
    ended = trial.after(end)
    assert ended == replace(before, entry_id=end.entry_id, challenger=None)


@given(histories)
def test_rolling_back_walks_through_the_former_champions_to_the_first(entries):
    rollout = rollout_of(entries)
    served = [champion.model_version for champion in rollout.former]
    while rollout.former:
        change = a_change(LedgerAction.ROLLBACK, rollout.champion.model_version)
        rollout.check(change)
        rollout = rollout.after(LedgerEntry(rollout.entry_id + 1, change, START))
        assert rollout.champion.model_version == served.pop()
    assert served == []


@given(histories)
def test_each_trial_has_a_name_of_its_own(entries):
    rollouts = [rollout_of(entries[: end + 1]) for end in range(len(entries))]
    begun = [e for e in entries if e.change.action is LedgerAction.CHALLENGE]
    names = {each.challenger.experiment for each in rollouts if each.challenger}
    assert len(names) == len(begun)


@pytest.mark.parametrize("share", [None, 0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_a_challenge_needs_a_share_of_the_products(share):
    change = replace(a_change(LedgerAction.CHALLENGE, 2), share=share)
    champion = LedgerEntry(1, a_change(LedgerAction.PROMOTE, 1), START)
    with pytest.raises(InvalidInput, match=r"must be in \(0, 1\]"):
        rollout_of([champion]).check(change)


@pytest.mark.parametrize("action", [a for a in LedgerAction if a is not LedgerAction.CHALLENGE])
def test_only_a_challenge_has_a_share(action):
    with pytest.raises(InvalidInput, match=f"a {action} takes none"):
        Rollout().check(a_change(action, 1, share=0.5))


@pytest.mark.parametrize("action", [LedgerAction.PROMOTE, LedgerAction.CHALLENGE])
def test_the_champion_can_be_neither_promoted_nor_tried(action):
    champion = LedgerEntry(1, a_change(LedgerAction.PROMOTE, 1), START)
    with pytest.raises(InvalidInput, match="version 1 is champion already"):
        rollout_of([champion]).check(a_change(action, 1))


def test_a_version_that_does_not_serve_can_not_be_rolled_back():
    entries = recorded(
        [
            a_change(LedgerAction.PROMOTE, 1),
            a_change(LedgerAction.PROMOTE, 2),
            a_change(LedgerAction.CHALLENGE, 3),
        ]
    )
    with pytest.raises(InvalidInput, match="version 1 is neither champion nor challenger"):
        rollout_of(entries).check(a_change(LedgerAction.ROLLBACK, 1))
