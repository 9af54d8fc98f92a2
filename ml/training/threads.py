"""How many threads training may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no types


@contextmanager
def half_the_cores() -> Iterator[int]:
    """Use at most half of the machine's cores inside, in torch, BLAS and OpenMP; yields how many.

    OpenMP's threads wait for each other by spinning. Beside the services of a busy machine one late
    thread stops them all: with both of two cores, training took ten times as long as with one.
    """
    before, count = torch.get_num_threads(), max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield count
    finally:
        torch.set_num_threads(before)
