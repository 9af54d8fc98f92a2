"""A process that dies at a chosen one of its writes, whichever service it writes to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import FakeServices


@dataclass
class Kill:
    """Counts every write to any service, and dies once: before or after number `at` is done.

    `writable` are the writing methods of each service.
    """

    writable: Mapping[str, Sequence[str]]
    at: int | None = None
    before: bool = False
    writes: list[str] = field(default_factory=list)

    @contextmanager
    def among(self, services: FakeServices) -> Iterator[None]:
        """All write methods of these services pass through here meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            for service, methods in self.writable.items():
                for method in methods:
                    adapter = getattr(services, service)
                    write = self._counted(f"{service}.{method}", getattr(adapter, method))
                    patch.setattr(adapter, method, write)
            yield

    def _counted(self, name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any, **named: Any) -> Any:
            self.writes.append(name)
            due = len(self.writes) == self.at
            if due and self.before:
                raise KeyboardInterrupt
            done = write(*values, **named)
            if due:
                raise KeyboardInterrupt
            return done

        return counted


def killed_everywhere(
    prepare: Callable[[], FakeServices],
    act: Callable[[FakeServices], object],
    writable: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, FakeServices]]:
    """Each installation in which `act` died at one of its writes, before or after it, by name."""
    whole, counted = prepare(), Kill(writable)
    with counted.among(whole):
        act(whole)
    assert counted.writes, "nothing was written"
    for number, name in enumerate(counted.writes, start=1):
        for before in (True, False):
            services = prepare()
            with Kill(writable, number, before).among(services), pytest.raises(KeyboardInterrupt):
                act(services)
            yield f"{'before' if before else 'after'} write {number}, {name}", services
