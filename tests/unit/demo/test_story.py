"""What the loop does next."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ml.demo.story import Progress, check_is_due, is_over, sabotage_is_due

START = Progress(
    left=13.0,
    made=True,
    on_trial=False,
    watched=False,
    reign=1,
    regained=None,
    checked=False,
    sabotaged=False,
    after_sabotage=None,
)


class Marketplace:
    """Checks alarm after the stretches of `alarms`; a trial and a watch take so many stretches.

    A trial interrupts the watch before it.
    """

    def __init__(
        self, *, made: bool, last: int, alarms: set[int], trial_stretches: int, watch_stretches: int
    ) -> None:
        self.told: list[str] = []
        self._made, self._last = made, last
        self._alarms, self._trial_stretches = alarms, trial_stretches
        self._watch_stretches = watch_stretches
        self._served = self._trial_left = self._watch_left = self._checked = 0
        self._promotions: list[int] = []
        self._sabotaged: int | None = None
        self._ended: int | None = None

    def play(self) -> list[str]:
        while not is_over(self._progress()):
            self._served += 1
            if self._trial_left:
                self._judge()
            elif self._watch_left:
                self._watch_left -= 1
                if not self._watch_left:
                    self._tell("confirm")
            if check_is_due(self._progress()):
                self._tell("check")
                self._checked = self._served
                self._trial_left = self._trial_stretches * (self._served in self._alarms)
            if sabotage_is_due(self._progress()):
                self._tell("sabotage")
                self._sabotaged, self._trial_left = self._served, 1
        return self.told

    def _judge(self) -> None:
        self._trial_left -= 1
        if self._trial_left:
            return
        if self._sabotaged is not None and self._ended is None:
            self._ended = self._served
            self._tell("rollback")
        else:
            self._promotions.append(self._served)
            self._watch_left = self._watch_stretches
            self._tell("promote")

    def _tell(self, what: str) -> None:
        self.told.append(f"{self._served} {what}")

    def _progress(self) -> Progress:
        return Progress(
            left=float(self._last - self._served),
            made=self._made,
            on_trial=self._trial_left > 0,
            watched=self._watch_left > 0 and not self._trial_left,
            reign=self._served - max(self._promotions, default=0),
            regained=self._served - self._promotions[0] if self._promotions else None,
            checked=bool(self._promotions) and self._checked > self._promotions[0],
            sabotaged=self._sabotaged is not None,
            after_sabotage=None if self._ended is None else self._served - self._ended,
        )


def play(
    *, made: bool, last: int, alarms: set[int], trial_stretches: int = 1, watch_stretches: int = 2
) -> list[str]:
    market = Marketplace(
        made=made,
        last=last,
        alarms=alarms,
        trial_stretches=trial_stretches,
        watch_stretches=watch_stretches,
    )
    return market.play()


def test_a_made_marketplace_is_over_as_soon_as_everything_was_shown() -> None:
    assert play(made=True, last=14, alarms={4}) == [
        *("2 check", "3 check", "4 check", "5 promote"),
        *("7 confirm", "7 check", "7 sabotage", "8 rollback"),
    ]


def test_a_catalogue_is_sabotaged_once_and_checked_to_its_end() -> None:
    assert play(made=False, last=13, alarms={2, 9}) == [
        *("2 check", "3 promote", "5 confirm", "5 check", "5 sabotage", "6 rollback"),
        *("6 check", "7 check", "8 check", "9 check", "10 promote", "12 confirm"),
    ]


def test_a_catalogue_that_alarms_without_end_is_sabotaged_in_time() -> None:
    told = play(made=False, last=12, alarms=set(range(12)))
    assert told == [
        *("2 check", "3 promote", "5 confirm", "5 check", "6 promote", "8 confirm", "8 check"),
        *("9 promote", "10 sabotage", "11 rollback", "12 confirm"),
    ]


def test_a_watch_that_does_not_end_holds_the_sabotage_up_only_so_long() -> None:
    told = play(made=True, last=10, alarms={4}, watch_stretches=20)
    assert told == [
        *("2 check", "3 check", "4 check", "5 promote"),
        *("8 sabotage", "9 rollback"),
    ]


@given(
    made=st.booleans(),
    last=st.integers(8, 14),
    alarm=st.integers(2, 5),
    trial_stretches=st.integers(1, 2),
    watch_stretches=st.integers(0, 9),
)
def test_the_sabotage_always_has_a_stretch_left(
    made: bool, last: int, alarm: int, trial_stretches: int, watch_stretches: int
) -> None:
    told = play(
        made=made,
        last=last,
        alarms=set(range(alarm, last)),
        trial_stretches=trial_stretches,
        watch_stretches=watch_stretches,
    )
    promoted = next((int(line.split()[0]) for line in told if line.endswith("promote")), None)
    if promoted is not None and promoted <= last - 4:
        assert sum(line.endswith("sabotage") for line in told) == 1
        assert sum(line.endswith("rollback") for line in told) == 1


def test_nothing_is_checked_in_a_comparison_before_windows_are_full_or_near_the_end() -> None:
    ready = replace(START, left=12.0, reign=2)
    assert not check_is_due(START)
    assert check_is_due(ready)
    assert not check_is_due(replace(ready, on_trial=True))
    assert not check_is_due(replace(ready, watched=True))
    assert not check_is_due(replace(ready, left=2.0))


def test_there_is_no_sabotage_before_the_retrained_version_served_alone() -> None:
    ready = replace(START, left=8.0, reign=1, regained=1)
    assert sabotage_is_due(ready)
    assert not sabotage_is_due(replace(ready, regained=0, reign=0))
    assert not sabotage_is_due(replace(ready, on_trial=True))
    assert not sabotage_is_due(replace(ready, watched=True))
    assert sabotage_is_due(replace(ready, watched=True, left=2.0))
    assert not sabotage_is_due(replace(ready, sabotaged=True))
