"""Ctrl-C during `up` is never lost, and never heard where it was switched off."""

import os
import signal
from contextlib import suppress

import pytest

from ml.stack.control import _interrupts_kept, _uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_somebody_swallows_is_raised_at_the_next_check(number: int) -> None:
    before = signal.getsignal(number)
    with _interrupts_kept() as raise_if_interrupted:
        raise_if_interrupted()
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert signal.getsignal(number) is before


def test_cleaning_up_is_not_interrupted() -> None:
    with _interrupts_kept() as raise_if_interrupted, _uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        raise_if_interrupted()


def test_a_process_that_was_started_to_ignore_ctrl_c_still_does() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _interrupts_kept() as raise_if_interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            raise_if_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
