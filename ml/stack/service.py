"""What the stack knows of one service: how it runs, what it needs, and when it is healthy."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

# Says why the service is not healthy, None when it is.
Probe = Callable[[], str | None]


class State(StrEnum):
    """The state of a component."""

    STOPPED = "stopped"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class ComponentStatus:
    """A component as it is now; `detail` says why it is not healthy. `managed`: started by us."""

    name: str
    state: State
    url: str | None = None
    detail: str | None = None
    pid: int | None = None
    managed: bool = True


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Service:
    """One process that supervisor keeps alive, or (`once`) a step that others wait for.

    `needs` names the services that must be healthy first. `prepare` runs in the caller right
    before the start and may return a note for people. `ports` maps the name of a setting to the
    loopback port it gives the service. Storage stops after everything else.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Probe = _nothing
    needs: tuple[str, ...] = ()
    prepare: Callable[[], str | None] = _nothing
    ports: Mapping[str, int] = field(default_factory=dict)
    user: str | None = None
    url: str | None = None
    stop_signal: str = "TERM"
    storage: bool = False
    once: bool = False


def program(name: str) -> str:
    """Absolute path of a program installed beside this Python."""
    return str(Path(sys.executable).parent / name)
