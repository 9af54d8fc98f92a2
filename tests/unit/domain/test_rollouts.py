from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import CHANGING, ComparisonKind, Rollout, rollout_of
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


def compared(action: LedgerAction, version: int, shadow: float = 1.0, label: float = 0.2):
    """A change that begins a comparison."""
    return replace(a_change(action, version), shadow_share=shadow, label_probability=label)


def test_a_trial_holds_the_challenger_against_the_champion():
    entries = recorded(
        [a_change(LedgerAction.PROMOTE, 1), compared(LedgerAction.CHALLENGE, 2, 0.5, 0.1)]
    )
    rollout = rollout_of(entries)
    comparison = rollout.comparison
    assert comparison.kind is ComparisonKind.TRIAL
    assert (comparison.candidate, comparison.baseline) == (rollout.challenger, rollout.champion)
    assert comparison.experiment == rollout.challenger.experiment
    assert (comparison.shadow_share, comparison.label_probability) == (0.5, 0.1)
    assert comparison.since == day(2)


def test_a_watch_holds_the_new_champion_against_the_one_before():
    rollout = rollout_of(
        recorded([a_change(LedgerAction.PROMOTE, 1), compared(LedgerAction.PROMOTE, 2, 0.2, 0.4)])
    )
    comparison = rollout.comparison
    assert comparison.kind is ComparisonKind.WATCH
    assert (comparison.candidate, comparison.baseline) == (rollout.champion, rollout.former[-1])
    assert comparison.experiment == "watch-2"
    assert (comparison.shadow_share, comparison.label_probability) == (0.2, 0.4)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [a_change(LedgerAction.PROMOTE, 1)],
        [compared(LedgerAction.PROMOTE, 1)],  # nobody was champion before
        [a_change(LedgerAction.PROMOTE, 1), a_change(LedgerAction.PROMOTE, 2)],  # no watch wanted
    ],
)
def test_without_two_models_or_a_watch_nothing_is_compared(changes):
    assert rollout_of(recorded(changes)).comparison is None


@given(histories)
def test_a_trial_interrupts_a_watch_which_goes_on_when_it_is_withdrawn(entries):
    number = len(entries)
    began = [
        LedgerEntry(number + at, replace(change, at=day(90 + at)), START)
        for at, change in enumerate(
            (compared(LedgerAction.PROMOTE, 8), compared(LedgerAction.PROMOTE, 9)), start=1
        )
    ]
    watched = rollout_of([*entries, *began])
    challenge = LedgerEntry(number + 3, compared(LedgerAction.CHALLENGE, 7), START)
    tried = watched.after(challenge)
    assert tried.comparison.kind is ComparisonKind.TRIAL
    back = LedgerEntry(number + 4, a_change(LedgerAction.ROLLBACK, 7), START)
    assert tried.after(back).comparison == watched.comparison
    assert watched.comparison.experiment == f"watch-{number + 2}"


@given(histories)
def test_a_confirmed_champion_is_watched_no_more_and_serves_on(entries):
    number = len(entries)
    for at, version in enumerate((8, 9), start=1):
        change = replace(compared(LedgerAction.PROMOTE, version), at=day(90 + at))
        entries = [*entries, LedgerEntry(number + at, change, START)]
    watched = rollout_of(entries)
    confirmation = a_change(LedgerAction.CONFIRM, 9)
    watched.check(confirmation)
    confirmed = watched.after(LedgerEntry(number + 3, confirmation, START))
    assert confirmed.comparison is None
    assert confirmed.entry_id == number + 3
    assert confirmed.former == watched.former
    assert confirmed.champion == replace(watched.champion, shadow_share=0.0, label_probability=0.0)
    assert confirmed.after(LedgerEntry(number + 4, confirmation, START)).comparison is None


@pytest.mark.parametrize("version", [1, 3])
def test_only_the_champion_can_be_confirmed(version):
    rollout = rollout_of(
        recorded([a_change(LedgerAction.PROMOTE, 1), compared(LedgerAction.PROMOTE, 2)])
    )
    with pytest.raises(InvalidInput, match=f"version {version} is not champion"):
        rollout.check(a_change(LedgerAction.CONFIRM, version))
    with pytest.raises(InvalidInput, match="is not champion"):
        Rollout().check(a_change(LedgerAction.CONFIRM, version))


def test_a_champion_that_is_rolled_back_to_is_not_watched():
    rollout = rollout_of(
        recorded(
            [
                a_change(LedgerAction.PROMOTE, 1),
                compared(LedgerAction.PROMOTE, 2),
                compared(LedgerAction.PROMOTE, 3),
                a_change(LedgerAction.ROLLBACK, 3),
            ]
        )
    )
    assert rollout.champion.model_version == 2
    assert rollout.comparison is None


@pytest.mark.parametrize("name", ["shadow_share", "label_probability"])
@pytest.mark.parametrize("value", [None, 0.0, -0.5, 1.001, float("nan")])
@pytest.mark.parametrize("action", [LedgerAction.CHALLENGE, LedgerAction.PROMOTE])
def test_a_comparison_needs_a_share_and_a_probability(action, name, value):
    rollout = rollout_of([LedgerEntry(1, a_change(LedgerAction.PROMOTE, 1), START)])
    rollout.check(compared(action, 2))
    with pytest.raises(InvalidInput, match=rf"{name} of a {action} is .*in \(0, 1\]"):
        rollout.check(replace(compared(action, 2), **{name: value}))


@pytest.mark.parametrize(
    "action", sorted(set(LedgerAction) - {LedgerAction.CHALLENGE, LedgerAction.PROMOTE})
)
def test_only_a_challenge_and_a_promotion_begin_a_comparison(action):
    with pytest.raises(InvalidInput, match=f"a {action} begins no comparison"):
        Rollout().check(compared(action, 1))
